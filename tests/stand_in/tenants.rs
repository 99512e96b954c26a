//! Tenants of a class.

use serde_json::{Value, json};

use super::contents::{Class, Partition, Store};
use super::refusal::{Outcome, Refusal};

/// An update may name so many at once.
const MOST_UPDATED: usize = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    Hot,
    Cold,
    Frozen,
}

impl Status {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "HOT" | "ACTIVE" => Some(Self::Hot),
            "COLD" | "INACTIVE" => Some(Self::Cold),
            "FROZEN" | "OFFLOADED" => Some(Self::Frozen),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Hot => "HOT",
            Self::Cold => "COLD",
            Self::Frozen => "FROZEN",
        }
    }
}

pub(crate) fn show(name: &str, partition: &Partition) -> Value {
    json!({"name": name, "activityStatus": partition.status.name()})
}

/// The tenants of a class, for reading.
pub(crate) fn of<'a>(store: &'a Store, class: &str) -> Outcome<&'a Class> {
    let refused = |why: String| {
        Refusal::invalid(format!(
            "failed to execute query: could not get tenants: could not get tenants: {why}"
        ))
    };
    let found = store.resolve(class).ok_or_else(|| refused("class not found".into()))?;
    if !found.is_multi_tenant() {
        return Err(refused(not_enabled(found)));
    }
    Ok(found)
}

pub(crate) fn add(store: &mut Store, class: &str, body: &Value) -> Outcome<Value> {
    let tenants = read(body, Some(Status::Hot))?;
    let class = for_change(store, class, "ADD")?;
    let mut answer = Vec::new();
    for (name, status) in tenants {
        class.partitions.entry(name).or_insert_with(|| Partition { status, ..Partition::default() });
    }
    for tenant in body.as_array().into_iter().flatten() {
        let mut tenant = tenant.clone();
        if let Some(status) = tenant["activityStatus"].as_str().and_then(Status::parse) {
            tenant["activityStatus"] = json!(status.name());
        }
        answer.push(tenant);
    }
    Ok(answer.into())
}

pub(crate) fn update(store: &mut Store, class: &str, body: &Value) -> Outcome<Value> {
    let tenants = read(body, None)?;
    if tenants.len() > MOST_UPDATED {
        return Err(Refusal::invalid(format!(
            "maximum number of tenants allowed to be updated simultaneously is {MOST_UPDATED}. Please reduce the \
             number of tenants in your request and try again"
        )));
    }
    let class = for_change(store, class, "UPDATE")?;
    if let Some((name, _)) = tenants.iter().find(|(name, _)| !class.partitions.contains_key(name)) {
        return Err(Refusal::invalid(format!(
            "updating schema: TYPE_UPDATE_TENANT: shard not found: {name}"
        )));
    }
    let mut answer = Vec::new();
    for (name, status) in tenants {
        let partition = class.partitions.get_mut(&name).expect("checked above");
        partition.status = status;
        answer.push(show(&name, partition));
    }
    Ok(answer.into())
}

pub(crate) fn delete(store: &mut Store, class: &str, body: &Value) -> Outcome<()> {
    let class = for_change(store, class, "DELETE")?;
    for name in body.as_array().into_iter().flatten().filter_map(Value::as_str) {
        class.partitions.remove(name);
    }
    Ok(())
}

fn not_enabled(class: &Class) -> String {
    format!("multi-tenancy is not enabled for class \"{}\"", class.name())
}

fn for_change<'a>(store: &'a mut Store, class: &str, what: &str) -> Outcome<&'a mut Class> {
    let refused = |why: &str| Refusal::invalid(format!("updating schema: TYPE_{what}_TENANT: {why}"));
    let found = store.resolve_mut(class).ok_or_else(|| refused("class not found"))?;
    if !found.is_multi_tenant() {
        return Err(refused(&not_enabled(found)));
    }
    Ok(found)
}

fn read(body: &Value, default: Option<Status>) -> Outcome<Vec<(String, Status)>> {
    let mut tenants: Vec<(String, Status)> = Vec::new();
    for (index, tenant) in body.as_array().into_iter().flatten().enumerate() {
        let name = tenant["name"].as_str().unwrap_or_default();
        check_name(index, name)?;
        if tenants.iter().any(|(other, _)| other == name) {
            return Err(Refusal::invalid(format!("tenant name {name} existed multiple times")));
        }
        let status = match (tenant["activityStatus"].as_str().filter(|given| !given.is_empty()), default) {
            (None, Some(default)) => default,
            (None, None) => {
                return Err(Refusal::invalid(format!("invalid activity status '' for tenant \"{name}\"")));
            }
            (Some(given), _) => Status::parse(given).ok_or_else(|| {
                let text = "activityStatus in body should be one of [ACTIVE INACTIVE OFFLOADED OFFLOADING ONLOADING \
                            HOT COLD FROZEN FREEZING UNFREEZING]";
                Refusal::Coded(422, 606, text.into())
            })?,
        };
        if status == Status::Frozen {
            return Err(Refusal::invalid("can't offload tenants, because offload-s3 module is not enabled"));
        }
        tenants.push((name.to_owned(), status));
    }
    Ok(tenants)
}

fn check_name(index: usize, name: &str) -> Outcome<()> {
    if name.is_empty() {
        return Err(Refusal::invalid(format!("tenant name at index {index}: empty tenant name")));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > 64 || !name.chars().all(fits) {
        return Err(Refusal::invalid(format!(
            "tenant name at index {index}:  '{name}' is not a valid tenant name. should only contain alphanumeric \
             characters (a-z, A-Z, 0-9), underscore (_), and hyphen (-), with a length between 1 and 64 characters"
        )));
    }
    Ok(())
}
