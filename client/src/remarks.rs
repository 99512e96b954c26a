//! What there is to know of a backup, told apart.

use selvedge_proto::v1::{Remark, RemarkKind};

/// What is missing, in words.
pub fn gaps(remarks: &[Remark]) -> impl Iterator<Item = &str> {
    texts(remarks, true)
}

/// Everything else. A kind of remark that this version does not know is shown as a note rather than not at all.
pub fn notes(remarks: &[Remark]) -> impl Iterator<Item = &str> {
    texts(remarks, false)
}

fn texts(remarks: &[Remark], gaps: bool) -> impl Iterator<Item = &str> {
    let wanted = move |remark: &&Remark| (remark.kind() == RemarkKind::Gap) == gaps;
    remarks.iter().filter(wanted).map(|remark| remark.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_from_the_future_is_not_lost() {
        let remark = |kind, text: &str| Remark { kind, text: text.to_owned(), ..Remark::default() };
        let remarks = [
            remark(RemarkKind::Gap.into(), "a gap"),
            remark(RemarkKind::Note.into(), "a note"),
            remark(99, "news"),
        ];
        assert_eq!(gaps(&remarks).collect::<Vec<_>>(), ["a gap"]);
        assert_eq!(notes(&remarks).collect::<Vec<_>>(), ["a note", "news"]);
    }
}
