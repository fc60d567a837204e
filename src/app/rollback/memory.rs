//! What is noted of one vault: a number, and a word behind it.

/// What stands behind the number once an older copy was saved.
const SAVED_OVER: &str = "older";

/// What is remembered of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The highest revision that was seen.
    pub(super) revision: u64,
    /// Whether a copy that is older than that was saved. The revisions of such saves go their
    /// own way: that they reach the one that was seen means nothing, and none of them is
    /// remembered, until the older copy is accepted.
    pub(super) saved_over: bool,
}

impl Memory {
    pub(super) fn new(revision: u64) -> Self {
        Self {
            revision,
            saved_over: false,
        }
    }

    /// Only what [`Self::to_text`] writes, with its newline: of a number that was cut off, a
    /// lower one is left.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (number, saved_over) = match text.trim_end().split_once(' ') {
            None => (text.trim_end(), false),
            Some((number, flag)) => (number, flag == SAVED_OVER),
        };
        let memory = Self {
            revision: number.parse().ok()?,
            saved_over,
        };
        (memory.to_text() == text).then_some(memory)
    }

    pub(super) fn to_text(self) -> String {
        let Self { revision, .. } = self;
        if self.saved_over {
            format!("{revision} {SAVED_OVER}\n")
        } else {
            format!("{revision}\n")
        }
    }

    /// Whether a vault of this revision is an older copy, or comes of one.
    pub(super) fn is_beyond(self, revision: u64) -> bool {
        self.saved_over || self.revision > revision
    }
}
