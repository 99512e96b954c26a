use chrono::TimeDelta;
use selvedge_proto::v1;

use super::names::check_names;
use crate::grpc::convert::as_far_as_known;
use crate::jobs::{Decision, Policy};
use selvedge_model::error::{Error, Result};

pub fn policy(wire: Option<v1::RetentionPolicy>) -> Result<Policy> {
    let Some(wire) = wire else { return Ok(Policy::default()) };
    let v1::RetentionPolicy {
        keep_last,
        keep_hourly,
        keep_daily,
        keep_weekly,
        keep_monthly,
        keep_yearly,
        keep_within,
        keep_tags,
    } = wire;
    check_names("keep_tags", &keep_tags)?;
    let within = keep_within.map(|duration| {
        let nanos = u32::try_from(duration.nanos).ok();
        let within = nanos.and_then(|nanos| TimeDelta::new(duration.seconds, nanos));
        within
            .filter(|within| *within >= TimeDelta::zero())
            .ok_or_else(|| Error::invalid("keep_within", "`keep_within` is no length of time"))
    });
    Ok(Policy {
        last: keep_last,
        hourly: keep_hourly,
        daily: keep_daily,
        weekly: keep_weekly,
        monthly: keep_monthly,
        yearly: keep_yearly,
        within: within.transpose()?,
        tags: keep_tags,
    })
}

pub fn decision(decision: &Decision) -> v1::RetentionDecision {
    let Decision { backup, reasons, removed } = decision;
    v1::RetentionDecision {
        backup: Some(as_far_as_known(backup)),
        reasons: reasons.clone(),
        removed: *removed,
    }
}
