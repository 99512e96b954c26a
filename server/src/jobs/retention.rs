//! Which backups a policy keeps. Backups that were asked for in the same way are a series, and each series is looked at alone: a
//! backup of one collection must not take the place of one of all, nor that of one tenant the place of another's.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use selvedge_archive::{BackupId, BackupOptions, ClusterIdentity, Manifest};

/// How many backups of a series are kept. Of each hour, day and so on (of UTC) it is the newest one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    pub last: u32,
    pub hourly: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
    /// As old as the newest of the series, or not this much older.
    pub within: Option<TimeDelta>,
    /// Whatever has one of these tags.
    pub tags: Vec<String>,
}

impl Policy {
    /// Whether it says anything. Without a word, everything is kept.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a policy says of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub id: BackupId,
    /// Why it is kept: "last 1 of 3", "daily 2026-11-26"… Empty if it is not.
    pub reasons: Vec<String>,
}

/// In the order of series, newest first.
pub fn judge(policy: &Policy, manifests: &[Manifest]) -> Vec<Verdict> {
    let mut series: BTreeMap<_, Vec<&Manifest>> = BTreeMap::new();
    for manifest in manifests {
        let collections: BTreeSet<_> = manifest.collections.iter().map(|one| one.name.as_str()).collect();
        let ClusterIdentity { name, address } = &manifest.cluster;
        // Imported lines are of nowhere, and of anything.
        let import = name.is_empty().then_some(&manifest.id);
        let BackupOptions { schema_only: _, without_vectors, tenants, tags: _, format: _ } =
            &manifest.options;
        let tenants: BTreeSet<_> = tenants.iter().collect();
        let asked = (*without_vectors, tenants);
        let key = ((name.as_str(), address.as_str(), import), manifest.kind, collections, asked);
        series.entry(key).or_default().push(manifest);
    }
    let judged = series.into_values().flat_map(|mut backups| {
        backups.sort_by(|a, b| (b.end_time, &b.id).cmp(&(a.end_time, &a.id)));
        judge_series(policy, &backups)
    });
    judged.collect()
}

/// Of a time: which of the policy's periods it is in.
type Period = fn(DateTime<Utc>) -> String;

fn judge_series(policy: &Policy, newest_first: &[&Manifest]) -> Vec<Verdict> {
    let periods: [(&str, u32, Period); 5] = [
        ("hourly", policy.hourly, |time| time.format("%Y-%m-%d %H h").to_string()),
        ("daily", policy.daily, |time| time.format("%Y-%m-%d").to_string()),
        ("weekly", policy.weekly, |time| {
            let week = time.iso_week();
            format!("{} week {}", week.year(), week.week())
        }),
        ("monthly", policy.monthly, |time| time.format("%Y-%m").to_string()),
        ("yearly", policy.yearly, |time| time.format("%Y").to_string()),
    ];
    let mut taken: [Vec<String>; 5] = Default::default();
    let newest = newest_first.first().map(|manifest| manifest.end_time);
    let verdict = |(place, manifest): (usize, &&Manifest)| {
        let mut reasons = Vec::new();
        if place < policy.last as usize {
            reasons.push(format!("last {} of {}", place + 1, policy.last));
        }
        for ((name, most, period), taken) in periods.iter().zip(&mut taken) {
            let period = period(manifest.end_time);
            if taken.len() < *most as usize && taken.last() != Some(&period) {
                reasons.push(format!("{name} {period}"));
                taken.push(period);
            }
        }
        if let (Some(within), Some(newest)) = (policy.within, newest)
            && newest - manifest.end_time <= within
        {
            reasons.push("young enough".to_owned());
        }
        let tags = manifest.options.tags.iter().filter(|tag| policy.tags.contains(tag));
        reasons.extend(tags.map(|tag| format!("tag {tag}")));
        Verdict { id: manifest.id.clone(), reasons }
    };
    newest_first.iter().enumerate().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use selvedge_archive::BackupKind;

    fn backup(id: &str, time: (u32, u32, u32), collections: &[&str], tags: &[&str]) -> Manifest {
        let (month, day, hour) = time;
        let time = Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap();
        let collections: Vec<_> = collections
            .iter()
            .map(|name| {
                serde_json::json!({
                    "name": name, "objects": 1, "bytes": 1, "files": 1, "multi_tenant": false, "tenants_covered": 0,
                    "tenants_total": 0, "blake3": {},
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({
            "format_version": 2, "id": id, "kind": "full", "selvedge_version": "0", "weaviate_version": "1", "job_id": "",
            "cluster": {"name": "eu", "address": ""}, "start_time": time, "end_time": time,
            "options": {"tags": tags}, "collections": collections,
        }))
        .unwrap()
    }

    fn kept(policy: Policy, backups: &[Manifest]) -> Vec<String> {
        let kept = judge(&policy, backups).into_iter().filter(|verdict| !verdict.reasons.is_empty());
        kept.map(|verdict| verdict.id.to_string()).collect()
    }

    #[test]
    fn each_series_is_looked_at_alone() {
        let backups = [
            backup("all-1", (1, 1, 1), &["A", "B"], &[]),
            backup("all-2", (1, 2, 1), &["B", "A"], &[]),
            backup("a-3", (1, 3, 1), &["A"], &[]),
        ];
        assert_eq!(kept(Policy { last: 1, ..Policy::default() }, &backups), ["a-3", "all-2"]);
    }

    #[test]
    fn what_was_asked_for_in_another_way_is_another_series() {
        let one = |id: &str, change: fn(&mut Manifest)| {
            let mut manifest = backup(id, (1, 1, 1), &["A"], &[]);
            change(&mut manifest);
            manifest
        };
        let backups = [
            one("plain", |_| {}),
            one("acme", |manifest| manifest.options.tenants = vec!["acme".to_owned()]),
            one("beta", |manifest| manifest.options.tenants = vec!["beta".to_owned()]),
            one("bare", |manifest| manifest.options.without_vectors = true),
            one("staging", |manifest| manifest.cluster.address = "http://staging".to_owned()),
            one("partial", |manifest| manifest.kind = BackupKind::Partial),
            one("import-1", |manifest| manifest.cluster = ClusterIdentity::default()),
            one("import-2", |manifest| manifest.cluster = ClusterIdentity::default()),
        ];
        assert_eq!(kept(Policy { last: 1, ..Policy::default() }, &backups).len(), backups.len());
    }

    #[test]
    fn periods_keep_their_newest() {
        let backups = [
            backup("jan-1-a", (1, 1, 1), &["A"], &["legal"]),
            backup("jan-1-b", (1, 1, 9), &["A"], &[]),
            backup("jan-2", (1, 2, 1), &["A"], &[]),
            backup("feb-1", (2, 1, 1), &["A"], &[]),
        ];
        let daily = Policy { daily: 2, ..Policy::default() };
        assert_eq!(kept(daily, &backups), ["feb-1", "jan-2"]);
        let monthly = Policy { monthly: 5, ..Policy::default() };
        assert_eq!(kept(monthly, &backups), ["feb-1", "jan-2"]);
        let daily = Policy { daily: 9, ..Policy::default() };
        assert_eq!(kept(daily, &backups), ["feb-1", "jan-2", "jan-1-b"]);
        let tagged = Policy { tags: vec!["legal".to_owned()], ..Policy::default() };
        assert_eq!(kept(tagged, &backups), ["jan-1-a"]);
        let within = Policy { within: Some(TimeDelta::days(30)), ..Policy::default() };
        assert_eq!(kept(within, &backups), ["feb-1", "jan-2"]);
    }
}
