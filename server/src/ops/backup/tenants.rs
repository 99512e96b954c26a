//! Which tenants are read, and what becomes of those that are not active.

use std::collections::{BTreeMap, BTreeSet};

use super::remarks::Remarks;
use super::{BackupRequest, InactiveTenants};
use crate::error::{Error, Kind, Result, counted, listed};
use crate::model::{Collection, Tenant, TenantStatus};
use crate::ops::lanes::Part;
use crate::weaviate::Cluster;

/// The reason of the remark on tenants that were left out.
const LEFT_OUT: &str = "tenants_left_out";

/// The tenants that are meant.
#[derive(Debug, Default)]
pub struct Choice {
    pub active: Vec<String>,
    /// To be woken, read, and put back.
    pub asleep: Vec<String>,
    pub remarks: Remarks,
}

/// Sorts the tenants that the request means by what is done with them.
pub fn choose(collection: &Collection, tenants: &[Tenant], request: &BackupRequest) -> Result<Choice> {
    let mut choice = Choice::default();
    let (mut inactive, mut offloaded) = (Vec::new(), Vec::new());
    for tenant in named(collection, tenants, &request.tenants)? {
        let names = match tenant.status {
            TenantStatus::Hot => &mut choice.active,
            TenantStatus::Cold if request.inactive_tenants == InactiveTenants::Activate => &mut choice.asleep,
            TenantStatus::Cold => &mut inactive,
            TenantStatus::Frozen | TenantStatus::Freezing | TenantStatus::Unfreezing => &mut offloaded,
        };
        names.push(tenant.name.clone());
    }
    for (left_out, status) in [(inactive, "inactive"), (offloaded, "offloaded")] {
        if !left_out.is_empty() {
            let (count, all) = (left_out.len(), tenants.len());
            let text =
                format!("{count} of {all} tenants are {status} and were left out: {}", listed(&left_out));
            match request.inactive_tenants {
                InactiveTenants::Report | InactiveTenants::Activate => choice.remarks.gap(LEFT_OUT, text),
                InactiveTenants::Skip => choice.remarks.note(LEFT_OUT, text),
            }
        }
    }
    Ok(choice)
}

/// Of tenants that were to be woken: those that are still inactive, and those that are active by now. The others are told.
pub fn still_there(wave: &[String], now: &[Tenant], remarks: &mut Remarks) -> (Vec<String>, Vec<String>) {
    let statuses = statuses(now);
    let (mut asleep, mut awake) = (Vec::new(), Vec::new());
    for tenant in wave {
        match statuses.get(tenant.as_str()) {
            Some(TenantStatus::Cold) => asleep.push(tenant.clone()),
            Some(TenantStatus::Hot) => awake.push(tenant.clone()),
            Some(status) => {
                remarks.gap(LEFT_OUT, format!("tenant \"{tenant}\" is {status} by now and was left out"));
            }
            None => remarks.note(LEFT_OUT, format!("tenant \"{tenant}\" was deleted before it was read")),
        }
    }
    (asleep, awake)
}

/// What became of tenants that could not be read any more, by name: their status, and why they are left out. One that was
/// deleted is not among them: it is no tenant of the collection any more.
pub fn what_became_of(
    lost: &BTreeSet<String>,
    now: &[Tenant],
    remarks: &mut Remarks,
) -> BTreeMap<String, (TenantStatus, String)> {
    let statuses = statuses(now);
    let (mut deleted, mut inactive, mut left_out) = (Vec::new(), Vec::new(), BTreeMap::new());
    for tenant in lost {
        match statuses.get(tenant.as_str()) {
            None => deleted.push(tenant.clone()),
            Some(status) => {
                inactive.push(tenant.clone());
                let why = match status {
                    TenantStatus::Hot => "not active while it was read".to_owned(),
                    status => status.to_string(),
                };
                left_out.insert(tenant.clone(), (*status, why));
            }
        }
    }
    if !deleted.is_empty() {
        let text =
            format!("{} were deleted while the backup was made: {}", tenants(&deleted), listed(&deleted));
        remarks.note(LEFT_OUT, text);
    }
    if !inactive.is_empty() {
        let text = format!(
            "{} were deactivated while the backup was made and were left out: {}",
            tenants(&inactive),
            listed(&inactive)
        );
        remarks.gap(LEFT_OUT, text);
    }
    left_out
}

fn statuses(tenants: &[Tenant]) -> BTreeMap<&str, TenantStatus> {
    tenants.iter().map(|tenant| (tenant.name.as_str(), tenant.status)).collect()
}

fn tenants(names: &[String]) -> String {
    counted(names.len() as u64, "tenant")
}

/// Why the objects of a tenant are not in the backup, if they are not.
pub fn left_out(tenant: &Tenant, request: &BackupRequest) -> Option<String> {
    let chosen = request.tenants.is_empty() || request.tenants.contains(&tenant.name);
    let woken = request.inactive_tenants == InactiveTenants::Activate;
    match tenant.status {
        _ if !chosen => Some("not chosen".to_owned()),
        _ if request.schema_only => None,
        TenantStatus::Hot => None,
        TenantStatus::Cold if woken => None,
        status => Some(status.to_string()),
    }
}

fn named<'t>(collection: &Collection, tenants: &'t [Tenant], wanted: &[String]) -> Result<Vec<&'t Tenant>> {
    if wanted.is_empty() {
        return Ok(tenants.iter().collect());
    }
    let name = &collection.name;
    if !collection.multi_tenant {
        return Err(Error::new(
            Kind::TenantNotFound,
            format!("collection \"{name}\" is not multi-tenant, so it has no tenants to choose"),
        )
        .hint("name the multi-tenant collections, or leave this one out with --exclude"));
    }
    let find = |wanted: &String| {
        tenants.iter().find(|tenant| tenant.name == *wanted).ok_or_else(|| {
            Error::new(Kind::TenantNotFound, format!("collection \"{name}\" has no tenant \"{wanted}\""))
                .hint("tenants' names are case-sensitive")
        })
    };
    wanted.iter().map(find).collect()
}

/// Counts the objects of active tenants. One that went meanwhile counts for one, so that it is read, and found to be lost.
pub async fn count(cluster: &Cluster, collection: &str, tenants: &[String]) -> Result<Vec<Part>> {
    let counts = cluster.count_tenants(collection, tenants.iter().map(String::as_str)).await?;
    let part = |(tenant, objects): (&String, Option<u64>)| Part {
        tenant: Some(tenant.clone()),
        objects: objects.unwrap_or(1),
    };
    Ok(tenants.iter().zip(counts).map(part).collect())
}
