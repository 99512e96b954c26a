//! Which backups a policy keeps. Backups that were asked for in the same way are a series, and each series is looked at alone: a
//! backup of one collection must not take the place of one of all, nor that of one tenant the place of another's.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use selvedge_archive::{BackupId, Manifest, ManifestCover, Opened};

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

/// A series after the other, each of them and they themselves with the newest first.
pub fn judge(policy: &Policy, backups: &[Opened<Manifest>]) -> Vec<Verdict> {
    let mut series: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for backup in backups {
        let cover = backup.cover();
        series.entry(cover.series.to_string()).or_default().push((cover, backup.whole()));
    }
    let newest_first = |(a, _): &(ManifestCover, _), (b, _): &(ManifestCover, _)| {
        (b.end_time, &b.id).cmp(&(a.end_time, &a.id))
    };
    let mut series: Vec<_> = series.into_values().collect();
    series.iter_mut().for_each(|backups| backups.sort_by(newest_first));
    series.sort_by(|a, b| newest_first(&a[0], &b[0]));
    series.iter().flat_map(|backups| judge_series(policy, backups)).collect()
}

/// Of a time: which of the policy's periods it is in.
type Period = fn(DateTime<Utc>) -> String;

fn judge_series(policy: &Policy, newest_first: &[(ManifestCover, Option<&Manifest>)]) -> Vec<Verdict> {
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
    let newest = newest_first.first().map(|(cover, _)| cover.end_time);
    let verdict = |(place, (cover, manifest)): (usize, &(ManifestCover, Option<&Manifest>))| {
        let mut reasons = Vec::new();
        if place < policy.last as usize {
            reasons.push(format!("last {} of {}", place + 1, policy.last));
        }
        for ((name, most, period), taken) in periods.iter().zip(&mut taken) {
            let period = period(cover.end_time);
            if taken.len() < *most as usize && taken.last() != Some(&period) {
                reasons.push(format!("{name} {period}"));
                taken.push(period);
            }
        }
        if let (Some(within), Some(newest)) = (policy.within, newest)
            && newest - cover.end_time <= within
        {
            reasons.push("young enough".to_owned());
        }
        match manifest {
            Some(manifest) => {
                let tags = manifest.options.tags.iter().filter(|tag| policy.tags.contains(tag));
                reasons.extend(tags.map(|tag| format!("tag {tag}")));
            }
            None if policy.tags.is_empty() => {}
            None => reasons.push("encrypted: it may have the tag".to_owned()),
        }
        Verdict { id: cover.id.clone(), reasons }
    };
    newest_first.iter().enumerate().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use selvedge_archive::{BackupKind, ClusterIdentity, Covered};

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
        let backups: Vec<_> = backups.iter().cloned().map(Opened::Whole).collect();
        let kept = judge(&policy, &backups).into_iter().filter(|verdict| !verdict.reasons.is_empty());
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
    fn what_cannot_be_read_is_in_its_series_all_the_same() {
        let [old, new] =
            [(1, 1, 1), (1, 2, 1)].map(|time| backup(&format!("b-{}", time.1), time, &["A"], &["legal"]));
        let backups = [Opened::Cover(old.cover()), Opened::Whole(new)];
        let verdicts = |policy: Policy| judge(&policy, &backups);
        assert!(verdicts(Policy { last: 1, ..Policy::default() })[1].reasons.is_empty());
        let tagged = Policy { tags: vec!["other".to_owned()], ..Policy::default() };
        assert_eq!(verdicts(tagged)[1].reasons, ["encrypted: it may have the tag"]);
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
