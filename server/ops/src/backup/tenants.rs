//! Which tenants are read, and what becomes of those that are not active.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Counted;
use super::{BackupRequest, InactiveTenants};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Collection, LeftOut, Names, Reason, Remark, Tenant, TenantStatus, nearest_or};
use selvedge_weaviate::Cluster;

/// The tenants that are meant.
#[derive(Debug, Default)]
pub struct Choice {
    pub active: Vec<String>,
    /// To be woken, read, and put back.
    pub asleep: Vec<String>,
    /// To be taken over from the parent, unread.
    pub inherited: Vec<String>,
    pub remarks: Vec<Remark>,
}

/// Sorts the tenants that the request means by what is done with them. `deleted` are some that were there before, `held` are
/// inactive ones that the parent has as they are.
pub fn choose(
    collection: &Collection,
    tenants: &[Tenant],
    deleted: &[String],
    held: &BTreeSet<String>,
    request: &BackupRequest,
) -> Result<Choice> {
    let mut choice = Choice::default();
    tell_deleted(deleted, request, &mut choice.remarks);
    let (mut inactive, mut offloaded) = (Vec::new(), Vec::new());
    for tenant in named(collection, tenants, deleted, request)? {
        let names = match tenant.status {
            TenantStatus::Hot => &mut choice.active,
            TenantStatus::Cold if held.contains(&tenant.name) => &mut choice.inherited,
            TenantStatus::Cold if request.inactive_tenants == InactiveTenants::Activate => &mut choice.asleep,
            TenantStatus::Cold => &mut inactive,
            TenantStatus::Frozen | TenantStatus::Freezing | TenantStatus::Unfreezing => &mut offloaded,
        };
        names.push(tenant.name.clone());
    }
    for (left_out, status) in [(inactive, TenantStatus::Cold), (offloaded, TenantStatus::Frozen)] {
        if !left_out.is_empty() {
            let (of, tenants) = (tenants.len() as u64, Names::of(&left_out));
            let reason = Reason::TenantsLeftOut { status, of, tenants };
            choice.remarks.push(match request.inactive_tenants {
                InactiveTenants::Report | InactiveTenants::Activate => Remark::gap(reason),
                InactiveTenants::Skip => Remark::note(reason),
            });
        }
    }
    Ok(choice)
}

/// Of tenants that were to be woken: those that are still inactive, and those that are active by now. The others are told.
pub fn still_there(
    wave: &[String],
    now: &[Tenant],
    request: &BackupRequest,
    remarks: &mut Vec<Remark>,
) -> (Vec<String>, Vec<String>) {
    let statuses = statuses(now);
    let (mut asleep, mut awake, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for tenant in wave {
        match statuses.get(tenant.as_str()) {
            Some(TenantStatus::Cold) => asleep.push(tenant.clone()),
            Some(TenantStatus::Hot) => awake.push(tenant.clone()),
            Some(status) => {
                let (of, tenants) = (now.len() as u64, Names::of(&[tenant]));
                let reason = Reason::TenantsLeftOut { status: *status, of, tenants };
                remarks.push(Remark::gap(reason));
            }
            None => deleted.push(tenant.clone()),
        }
    }
    tell_deleted(&deleted, request, remarks);
    (asleep, awake)
}

/// Nobody misses a tenant that was deleted; unless it was asked for by its name.
fn tell_deleted(deleted: &[String], request: &BackupRequest, remarks: &mut Vec<Remark>) {
    let chosen = |name: &&String| request.tenants.contains(name);
    let (chosen, others): (Vec<_>, Vec<_>) = deleted.iter().partition(chosen);
    let deleted = |names: &[&String]| Reason::TenantsDeleted { tenants: Names::of(names) };
    if !chosen.is_empty() {
        remarks.push(Remark::gap(deleted(&chosen)));
    }
    // Those that were not chosen would not have been in it.
    if !others.is_empty() && request.tenants.is_empty() {
        remarks.push(Remark::note(deleted(&others)));
    }
}

/// What became of tenants that could not be read any more, by name: their status, and why they are left out. One that was
/// deleted is not among them: it is no tenant of the collection any more.
pub fn what_became_of(
    lost: &BTreeSet<String>,
    now: &[Tenant],
    request: &BackupRequest,
    remarks: &mut Vec<Remark>,
) -> BTreeMap<String, (TenantStatus, LeftOut)> {
    let statuses = statuses(now);
    let (mut deleted, mut inactive, mut left_out) = (Vec::new(), Vec::new(), BTreeMap::new());
    for tenant in lost {
        match statuses.get(tenant.as_str()) {
            None => deleted.push(tenant.clone()),
            Some(status) => {
                inactive.push(tenant.clone());
                let why = LeftOut::by_status(*status).unwrap_or(LeftOut::InactiveMeanwhile);
                left_out.insert(tenant.clone(), (*status, why));
            }
        }
    }
    tell_deleted(&deleted, request, remarks);
    if !inactive.is_empty() {
        let tenants = Names::of(&inactive);
        remarks.push(Remark::gap(Reason::TenantsDeactivated { tenants }));
    }
    left_out
}

fn statuses(tenants: &[Tenant]) -> BTreeMap<&str, TenantStatus> {
    tenants.iter().map(|tenant| (tenant.name.as_str(), tenant.status)).collect()
}

/// Why the objects of a tenant are not in the backup, if they are not.
pub fn left_out(tenant: &Tenant, request: &BackupRequest) -> Option<LeftOut> {
    let chosen = request.tenants.is_empty() || request.tenants.contains(&tenant.name);
    let woken = request.inactive_tenants == InactiveTenants::Activate;
    match tenant.status {
        _ if !chosen => Some(LeftOut::NotChosen),
        _ if request.schema_only => None,
        TenantStatus::Cold if woken => None,
        status => LeftOut::by_status(status),
    }
}

fn named<'t>(
    collection: &Collection,
    tenants: &'t [Tenant],
    deleted: &[String],
    request: &BackupRequest,
) -> Result<Vec<&'t Tenant>> {
    if request.tenants.is_empty() {
        return Ok(tenants.iter().collect());
    }
    let name = &collection.name;
    if !collection.multi_tenant {
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        )
        .hint("name the multi-tenant collections, or leave this one out"));
    }
    let names = || tenants.iter().map(|tenant| tenant.name.as_str());
    let find = |wanted: &String| {
        tenants.iter().find(|tenant| tenant.name == *wanted).ok_or_else(|| {
            Error::new(Kind::TenantNotFound, format!("collection \"{name}\" has no tenant \"{wanted}\""))
                .hint(nearest_or(wanted, names(), "tenants' names are case-sensitive"))
        })
    };
    request.tenants.iter().filter(|name| !deleted.contains(name)).map(find).collect()
}

/// Counts the objects of active tenants. One that went meanwhile counts for one, so that it is read, and found to be lost.
pub async fn count(cluster: &Cluster, collection: &str, tenants: &[String]) -> Result<Vec<Counted>> {
    let counts = cluster.count_tenants(collection, tenants.iter().map(String::as_str)).await?;
    let part = |(tenant, objects): (&String, Option<u64>)| Counted {
        tenant: Some(tenant.clone()),
        objects: Some(objects.unwrap_or(1)),
    };
    Ok(tenants.iter().zip(counts).map(part).collect())
}
