//! What a person should know of how whole a backup is, as values: programs act on the reason, people read the text that is
//! made of it when it is shown.

use serde::{Deserialize, Serialize, Serializer};

mod reason;
mod why_full;

pub use reason::{Names, Reason};
pub use why_full::WhyFull;

/// One thing to know of a backup as a whole, or of one of its collections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Read")]
pub struct Remark {
    pub kind: RemarkKind,
    pub reason: Reason,
}

/// How a remark is written: with its text for those that do not know the reason.
#[derive(Serialize)]
struct Written<'a> {
    kind: RemarkKind,
    #[serde(flatten)]
    reason: &'a Reason,
    says: String,
}

/// How a remark is read, which may be one of a newer Selvedge.
#[derive(Deserialize)]
struct Read {
    kind: RemarkKind,
    #[serde(flatten)]
    reason: Reason,
    says: Option<String>,
}

impl Serialize for Remark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kind, reason } = self;
        Written { kind: *kind, reason, says: reason.to_string() }.serialize(serializer)
    }
}

impl From<Read> for Remark {
    fn from(Read { kind, reason, says }: Read) -> Self {
        let reason = match (reason, says) {
            (Reason::Unknown, Some(text)) => Reason::Told { text },
            (reason, _) => reason,
        };
        Self { kind, reason }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// Something that was asked for is missing.
    Gap,
    /// Nothing is missing.
    Note,
}

impl Remark {
    pub fn gap(reason: Reason) -> Self {
        Self { kind: RemarkKind::Gap, reason }
    }

    pub fn note(reason: Reason) -> Self {
        Self { kind: RemarkKind::Note, reason }
    }

    pub fn is_gap(&self) -> bool {
        self.kind == RemarkKind::Gap
    }
}

/// Of several remarks, those that tell of something missing.
pub fn gaps(remarks: &[Remark]) -> impl Iterator<Item = &Reason> {
    remarks.iter().filter(|remark| remark.is_gap()).map(|remark| &remark.reason)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::TenantStatus;

    #[test]
    fn a_remark_comes_back_and_its_name_is_the_one_it_is_stored_under() {
        let object = Uuid::from_u128(7);
        let tenants = Names::of(&(0..30).map(|n| format!("t{n}")).collect::<Vec<_>>());
        let reasons = [
            Reason::ShardsUnproven,
            Reason::TenantsLeftOut { status: TenantStatus::Cold, of: 40, tenants },
            Reason::ChangedWhileReading { tenant: None, before: 1, read: 2, after: 3, young: 0 },
            Reason::ValueMisread { object, property: String::new(), loss: "lost".to_owned() },
            Reason::Told { text: "as it was".to_owned() },
            Reason::ReadAtOne,
            Reason::ReadInFull { why: WhyFull::NotInBackup { backup: "b".to_owned() } },
            Reason::ReadInAttempts { attempts: 3 },
            Reason::AccessUnseen { permission: "it has no read_roles".to_owned() },
        ];
        for reason in reasons {
            let remark = Remark::gap(reason);
            let json = serde_json::to_value(&remark).unwrap();
            assert_eq!(json["reason"], remark.reason.name());
            assert_eq!(json["says"], remark.reason.to_string());
            assert_eq!(serde_json::from_value::<Remark>(json).unwrap(), remark);
        }
    }

    #[test]
    fn a_reason_of_the_future_is_read_as_the_text_beside_it() {
        let with_text = r#"{"kind": "gap", "reason": "novelty", "of": [1], "says": "it rained"}"#;
        let told = Remark::gap(Reason::Told { text: "it rained".to_owned() });
        assert_eq!(serde_json::from_str::<Remark>(with_text).unwrap(), told);
        let bare = r#"{"kind": "note", "reason": "novelty", "names": {"a": null}}"#;
        assert_eq!(serde_json::from_str::<Remark>(bare).unwrap(), Remark::note(Reason::Unknown));
    }

    #[test]
    fn many_names_are_counted() {
        let tenants = Names::of(&(0..30).map(|n| format!("t{n}")).collect::<Vec<_>>());
        let reason = Reason::TenantsCreated { tenants };
        assert_eq!(
            reason.to_string(),
            "30 tenants created while the backup was made, and not in it: t0, t1, t2, t3, t4 and 25 more"
        );
    }
}
