//! Numbers, sizes and times as people read them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use prost_types::Timestamp;

/// `12,345`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 object`, `12,345 objects`
pub fn quantity(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(number))
}

/// The first few of some names: "A, B and 3 more".
pub fn names(names: &[impl AsRef<str>]) -> String {
    const SPELLED_OUT: usize = 5;
    let spelled: Vec<_> = names.iter().take(SPELLED_OUT).map(AsRef::as_ref).collect();
    match names.len() - spelled.len() {
        0 => spelled.join(", "),
        more => format!("{} and {more} more", spelled.join(", ")),
    }
}

/// `45.2 MiB`
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut size = number as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be rounded to 1024.0.
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// How long something took: `3.2 s`, `3 min 20 s`, `2 h 05 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 59.95 { format!("{seconds:.1} s") } else { whole(seconds) }
}

/// How long something will take, roughly: `12 s`, `3 min 20 s`, `2 h 05 min`.
pub fn remaining(seconds: f64) -> String {
    whole(seconds.max(0.0))
}

/// A limit that somebody has set, in seconds: `45 s`, `10 min`, `1 h 30 min`.
pub fn limit(seconds: u64) -> String {
    let text = remaining(seconds as f64);
    let round = text.strip_suffix(" 00 s").or_else(|| text.strip_suffix(" 00 min"));
    round.unwrap_or(&text).to_owned()
}

/// How old something is, by its largest unit: `40 s`, `12 min`, `5 h`, `3 d`.
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn whole(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `2026-11-23 16:00:00 UTC`, or `-` for a time that is not set.
pub fn time(timestamp: Option<&Timestamp>) -> String {
    utc(timestamp).map_or_else(|| "-".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// The same as [`time`] tells it in fewer characters: `2026-11-23 16:00Z`
pub fn short_time(time: &str) -> String {
    let minutes = time.strip_suffix(" UTC").and_then(|time| time.rsplit_once(':'));
    minutes.map_or_else(|| time.to_owned(), |(minutes, _)| format!("{minutes}Z"))
}

/// `2026-11-23T16:00:00.000Z`
pub fn rfc3339(timestamp: Option<&Timestamp>) -> Option<String> {
    utc(timestamp).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Seconds from one time to another; `None` if one of them is not set.
pub fn seconds_between(from: Option<&Timestamp>, to: Option<&Timestamp>) -> Option<f64> {
    let elapsed = utc(to)? - utc(from)?;
    Some(elapsed.num_milliseconds() as f64 / 1000.0)
}

fn utc(timestamp: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}

/// Without control characters: names and messages come from elsewhere and must not steer the terminal.
pub fn clean(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => clean.push(' '),
            c if c.is_control() && c != '\n' => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    clean
}

/// Cut to `width` characters, with `…` where something is missing.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).take(width).collect()
}

/// Cut to `width` characters in the middle, so that the beginning and the end can be told from others.
pub fn shorten_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let end = text.chars().skip(length - tail);
    text.chars().take(head).chain(std::iter::once('…')).chain(end).take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(
            [0, 999, 1000, 12_345, 1_234_567].map(count),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
        assert_eq!(quantity(1, "object"), "1 object");
        assert_eq!(quantity(0, "object"), "0 objects");
    }

    #[test]
    fn sizes_never_show_1024() {
        let sizes = [0, 1023, 1024, 1024 * 1024 - 1, 47_396_000, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "45.2 MiB", "16.0 EiB"]);
    }

    #[test]
    fn times_never_show_60() {
        assert_eq!(
            [0.0, 3.21, 59.96, 200.0, 7500.0].map(duration),
            ["0.0 s", "3.2 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]
        );
        assert_eq!([0.4, 12.0, 59.7].map(remaining), ["0 s", "12 s", "1 min 00 s"]);
    }

    #[test]
    fn ages_are_told_by_their_largest_unit() {
        let ages = [59, 60, 3_599, 3_600, 172_799, 172_800].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!([45, 600, 5_400, 7_200].map(limit), ["45 s", "10 min", "1 h 30 min", "2 h"]);
        assert_eq!(ages, ["59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]);
    }

    #[test]
    fn timestamps_are_utc() {
        let timestamp = Timestamp { seconds: 1_795_449_600, nanos: 5_000_000 };
        assert_eq!(time(Some(&timestamp)), "2026-11-23 16:00:00 UTC");
        assert_eq!(rfc3339(Some(&timestamp)).as_deref(), Some("2026-11-23T16:00:00.005Z"));
        assert_eq!(time(None), "-");
        assert_eq!(
            [time(Some(&timestamp)), time(None)].map(|time| short_time(&time)),
            ["2026-11-23 16:00Z", "-"]
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shorten("Article", 7), "Article");
        assert_eq!(shorten("Article", 4), "Art…");
        let cut = [0, 1, 2, 6, 7, 8].map(|width| shorten_middle("Archive7", width));
        assert_eq!(cut, ["", "…", "A…", "Arc…e7", "Arc…ve7", "Archive7"]);
    }
}
