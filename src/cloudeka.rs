//! The Cloudeka API.
