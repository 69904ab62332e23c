//! Requests to `git-upload-pack`.

mod first_line;

pub use first_line::{FirstLine, first_line};
