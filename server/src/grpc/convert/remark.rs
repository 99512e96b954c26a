//! Remarks on their way out. Their texts are made here and nowhere before, so that nothing can depend on them.

use std::slice;

use selvedge_proto::v1;

use selvedge_model::{Names, Reason, Remark, RemarkKind, TenantStatus};

pub fn remark(remark: &Remark) -> v1::Remark {
    let kind = match remark.kind {
        RemarkKind::Gap => v1::RemarkKind::Gap,
        RemarkKind::Note => v1::RemarkKind::Note,
    };
    v1::Remark {
        kind: kind.into(),
        reason: reason(&remark.reason).into(),
        text: remark.reason.to_string(),
        ..fields(&remark.reason)
    }
}

fn reason(reason: &Reason) -> v1::RemarkReason {
    match reason {
        Reason::CollectionsUnseen { .. } => v1::RemarkReason::CollectionsUnseen,
        Reason::TenantsUnseen { .. } => v1::RemarkReason::TenantsUnseen,
        Reason::AliasesUnseen { .. } => v1::RemarkReason::AliasesUnseen,
        Reason::ShardsUnproven => v1::RemarkReason::ShardsUnproven,
        Reason::TenantsLeftOut { .. } => v1::RemarkReason::TenantsLeftOut,
        Reason::TenantsDeleted { .. } => v1::RemarkReason::TenantsDeleted,
        Reason::TenantsDeactivated { .. } => v1::RemarkReason::TenantsDeactivated,
        Reason::TenantsCreated { .. } => v1::RemarkReason::TenantsCreated,
        Reason::TenantsDeletedLater { .. } => v1::RemarkReason::TenantsDeletedLater,
        Reason::CollectionsCreated { .. } => v1::RemarkReason::CollectionsCreated,
        Reason::CollectionDropped { .. } => v1::RemarkReason::CollectionDropped,
        Reason::DroppedLater => v1::RemarkReason::DroppedLater,
        Reason::AliasesChanged { .. } => v1::RemarkReason::AliasesChanged,
        Reason::SchemaChanged { .. } => v1::RemarkReason::SchemaChanged,
        Reason::ChangedWhileReading { .. } => v1::RemarkReason::ChangedWhileReading,
        Reason::ValueMisread { .. } => v1::RemarkReason::ValueMisread,
        Reason::ValuesMisread { .. } => v1::RemarkReason::ValuesMisread,
        Reason::VectorsDropped { .. } => v1::RemarkReason::VectorsDropped,
        Reason::MixedDimensions { .. } => v1::RemarkReason::MixedDimensions,
        Reason::ReadAtOne => v1::RemarkReason::ReadAtOne,
        Reason::ReadInAttempts { .. } => v1::RemarkReason::ReadInAttempts,
        Reason::ReadInFull { .. } => v1::RemarkReason::ReadInFull,
        Reason::TenantsInherited { .. } => v1::RemarkReason::TenantsInherited,
        Reason::ImageOf { .. } => v1::RemarkReason::ImageOf,
        Reason::CurrentBetween { .. } => v1::RemarkReason::CurrentBetween,
        Reason::ProbeLeftOut { .. } => v1::RemarkReason::ProbeLeftOut,
        Reason::NothingExcluded { .. } => v1::RemarkReason::NothingExcluded,
        Reason::AccessUnseen { .. } => v1::RemarkReason::AccessUnseen,
        Reason::AccessInPart { .. } => v1::RemarkReason::AccessInPart,
        Reason::AccessUnread { .. } => v1::RemarkReason::AccessUnread,
        Reason::Told { .. } => v1::RemarkReason::Told,
        Reason::Unknown => v1::RemarkReason::Unspecified,
    }
}

/// What a program needs of a reason; the rest of it is in the text.
fn fields(reason: &Reason) -> v1::Remark {
    match reason {
        Reason::TenantsUnseen { permission: _ }
        | Reason::AliasesUnseen { permission: _ }
        | Reason::ShardsUnproven
        | Reason::DroppedLater
        | Reason::SchemaChanged { difference: _ }
        | Reason::ReadAtOne
        | Reason::AccessUnseen { permission: _ }
        | Reason::AccessInPart { permission: _ }
        | Reason::AccessUnread { error: _ }
        | Reason::ReadInFull { why: _ }
        | Reason::Told { text: _ }
        | Reason::Unknown => v1::Remark::default(),
        Reason::ReadInAttempts { attempts } => {
            v1::Remark { total: u64::from(*attempts), ..v1::Remark::default() }
        }
        Reason::ImageOf { from, to, passes } | Reason::CurrentBetween { from, to, passes } => {
            v1::Remark { total: u64::from(*passes), ..all_of(&[from.clone(), to.clone()]) }
        }
        Reason::CollectionsUnseen { patterns: names, permission: _ }
        | Reason::AliasesChanged { now: names }
        | Reason::VectorsDropped { vectors: names } => all_of(names),
        Reason::CollectionDropped { collection: name }
        | Reason::ProbeLeftOut { collection: name }
        | Reason::NothingExcluded { term: name } => all_of(slice::from_ref(name)),
        Reason::TenantsDeleted { tenants: names }
        | Reason::TenantsDeactivated { tenants: names }
        | Reason::TenantsCreated { tenants: names }
        | Reason::TenantsDeletedLater { tenants: names }
        | Reason::TenantsInherited { tenants: names, backup: _ }
        | Reason::CollectionsCreated { collections: names } => first_of(names),
        Reason::TenantsLeftOut { status, of, tenants } => {
            v1::Remark { status: word(*status).to_owned(), total: *of, ..first_of(tenants) }
        }
        Reason::ChangedWhileReading { tenant, young, before: _, read: _, after: _ } => {
            v1::Remark { tenant: tenant.clone().unwrap_or_default(), count: *young, ..v1::Remark::default() }
        }
        Reason::ValueMisread { object, property, loss: _ } => {
            v1::Remark { object_id: object.to_string(), property: property.clone(), ..v1::Remark::default() }
        }
        Reason::ValuesMisread { count } => v1::Remark { count: *count, ..v1::Remark::default() },
        Reason::MixedDimensions { vector, objects, sample, dimension: _ } => {
            v1::Remark { count: *objects, object_id: sample.to_string(), ..all_of(slice::from_ref(vector)) }
        }
    }
}

fn all_of(names: &[String]) -> v1::Remark {
    v1::Remark { names: names.to_vec(), count: names.len() as u64, ..v1::Remark::default() }
}

fn first_of(names: &Names) -> v1::Remark {
    v1::Remark { names: names.names.clone(), count: names.count, ..v1::Remark::default() }
}

/// As the contract spells it.
pub fn word(status: TenantStatus) -> &'static str {
    match status {
        TenantStatus::Hot => "active",
        TenantStatus::Cold => "inactive",
        TenantStatus::Frozen => "offloaded",
        TenantStatus::Freezing => "offloading",
        TenantStatus::Unfreezing => "onloading",
    }
}

#[cfg(test)]
mod tests {
    use selvedge_model::WhyFull;

    use super::*;

    #[test]
    fn a_reason_has_one_name_on_the_wire_and_in_the_manifest() {
        let names = || Names::of(&["a", "b"]);
        let reasons = [
            Reason::ShardsUnproven,
            Reason::TenantsLeftOut { status: TenantStatus::Cold, of: 9, tenants: names() },
            Reason::TenantsDeletedLater { tenants: names() },
            Reason::CollectionsCreated { collections: names() },
            Reason::DroppedLater,
            Reason::ValuesMisread { count: 3 },
            Reason::ReadAtOne,
            Reason::ReadInFull { why: WhyFull::NoBackup },
            Reason::ImageOf { from: String::new(), to: String::new(), passes: 1 },
            Reason::CurrentBetween { from: String::new(), to: String::new(), passes: 1 },
            Reason::TenantsInherited { backup: "b".to_owned(), tenants: names() },
            Reason::ReadInAttempts { attempts: 2 },
            Reason::NothingExcluded { term: "Z*".to_owned() },
            Reason::AccessUnseen { permission: "it has no read_roles".to_owned() },
            Reason::AccessInPart { permission: "it has no read_users".to_owned() },
            Reason::AccessUnread { error: "it rained".to_owned() },
            Reason::Told { text: "told".to_owned() },
        ];
        for reason in reasons {
            let sent = remark(&Remark::note(reason.clone()));
            let name = sent.reason().as_str_name().to_ascii_lowercase();
            assert_eq!(name, format!("remark_reason_{}", reason.name()));
            assert_eq!((sent.kind(), sent.text), (v1::RemarkKind::Note, reason.to_string()));
        }
    }

    #[test]
    fn what_programs_need_is_in_fields() {
        let tenants: Vec<_> = (0..30).map(|n| format!("t{n}")).collect();
        let tenants = Names::of(&tenants);
        let sent =
            remark(&Remark::gap(Reason::TenantsLeftOut { status: TenantStatus::Frozen, of: 40, tenants }));
        assert_eq!(sent.kind(), v1::RemarkKind::Gap);
        assert_eq!((sent.count, sent.total, sent.status.as_str()), (30, 40, "offloaded"));
        assert_eq!((sent.names.len(), sent.names[0].as_str()), (20, "t0"));
    }
}
