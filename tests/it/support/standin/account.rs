//! Who a token belongs to.

/// The account facts that come with a session.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub email: String,
    pub role: String,
    pub organization_id: String,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            name: "Sari Wijaya".into(),
            email: "sari@example.com".into(),
            role: "Owner".into(),
            organization_id: "org-7f3a".into(),
        }
    }
}
