//! Objects that expire: the setting of a class, and who is past their time.

use chrono::DateTime;
use serde_json::{Value, json};

use super::Fields;
use crate::stand_in::objects::Object;

/// `OBJECTS_TTL_MINIMUM_DEFAULT_TTL`, in seconds.
const SHORTEST: i64 = 60;
const CREATED: &str = "_creationTimeUnix";
const UPDATED: &str = "_lastUpdateTimeUnix";

/// Looks at the setting of a class that is otherwise complete. A new class gets the index that its setting needs.
pub(super) fn check(class: &mut Fields, is_scheduled: bool, is_update: bool) -> Result<(), String> {
    check_setting(class, is_scheduled, is_update).map_err(|text| format!("ObjectTTLConfig: {text}"))
}

fn check_setting(class: &mut Fields, is_scheduled: bool, is_update: bool) -> Result<(), String> {
    let Some(setting) = class.get("objectTtlConfig").filter(|setting| setting["enabled"] == json!(true))
    else {
        return Ok(());
    };
    if !is_scheduled {
        return Err(
            "enabling objectTTL requires a running background scheduler. Set OBJECTS_TTL_DELETE_SCHEDULE to \
                    activate it"
                .into(),
        );
    }
    let delete_on = setting["deleteOn"].as_str().unwrap_or_default().trim().to_owned();
    let seconds = setting["defaultTtl"].as_i64().unwrap_or_default();
    match delete_on.as_str() {
        "" => {
            return Err(format!(
                "missing value for \"deleteOn\". Set \"{CREATED}\", \"{UPDATED}\" or custom property of \"date\" type"
            ));
        }
        CREATED | UPDATED => {
            if is_update && class["invertedIndexConfig"]["indexTimestamps"] != json!(true) {
                return Err(format!(
                    "\"deleteOn\"=\"{delete_on}\" requires indexed timestamps. Enable \
                     \"invertedIndexConfig.indexTimestamps\""
                ));
            }
            if seconds < SHORTEST {
                return Err(format!(
                    "defaultTtl value too small for \"deleteOn\"=\"{delete_on}\". Required minimum \"{SHORTEST}\" \
                     seconds, given \"{seconds}\" seconds"
                ));
            }
            class["invertedIndexConfig"]["indexTimestamps"] = json!(true);
        }
        name => check_property(class, name)?,
    }
    class["objectTtlConfig"]["deleteOn"] = json!(delete_on);
    Ok(())
}

fn check_property(class: &Fields, name: &str) -> Result<(), String> {
    let mut properties = class["properties"].as_array().into_iter().flatten();
    let Some(property) = properties.find(|property| property["name"] == name) else {
        return Err(format!("property \"{name}\" set as \"deleteOn\" not found among collection properties"));
    };
    let kind = property["dataType"][0].as_str().unwrap_or_default();
    if kind != "date" {
        return Err(format!(
            "property \"{name}\" set as \"deleteOn\" should have \"date\" data type, \"{kind}\" given"
        ));
    }
    if property["indexFilterable"] == json!(false) && property["indexRangeFilters"] != json!(true) {
        return Err(format!(
            "property \"{name}\" set as \"deleteOn\" should have filterable or rangeable index enabled"
        ));
    }
    Ok(())
}

/// Whether Search leaves the object out at this time, in milliseconds since 1970. Nothing else does.
pub(crate) fn has_expired(class: &Fields, object: &Object, now: i64) -> bool {
    let set = |setting: &Value, name: &str| setting[name] == json!(true);
    let Some(setting) = class
        .get("objectTtlConfig")
        .filter(|setting| set(setting, "enabled") && set(setting, "filterExpiredObjects"))
    else {
        return false;
    };
    let since = match setting["deleteOn"].as_str().unwrap_or_default() {
        CREATED => Some(object.created),
        UPDATED => Some(object.updated),
        name => {
            let date = object.properties.get(name).and_then(Value::as_str);
            let date = date.and_then(|date| DateTime::parse_from_rfc3339(date).ok());
            date.map(|date| date.timestamp_millis())
        }
    };
    let seconds = setting["defaultTtl"].as_i64().unwrap_or_default();
    since.is_some_and(|since| since.saturating_add(seconds.saturating_mul(1000)) <= now)
}
