use selvedge_proto::v1;
use serde::Serialize;

use crate::commands::check::word;

/// One thing that was tried.
#[derive(Serialize)]
pub struct CheckLine {
    subject: String,
    name: String,
    /// `ok`, `warn` or `fail`.
    outcome: &'static str,
    text: String,
    /// What to do about it; may be empty.
    hint: String,
}

impl From<&v1::CheckLine> for CheckLine {
    fn from(line: &v1::CheckLine) -> Self {
        Self {
            subject: line.subject.clone(),
            name: line.name.clone(),
            outcome: word(line.outcome()),
            text: line.text.clone(),
            hint: line.hint.clone(),
        }
    }
}
