//! Dates, read and printed as Go's `time` does with RFC 3339.

/// The date as the server prints it: fraction without trailing zeros and cut to nanoseconds, `Z` for offset zero.
pub(super) fn canonical(text: &str) -> Option<String> {
    let (day, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let [year, month, day_of_month] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month) || !(1..=days(year, month)).contains(&day_of_month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, offset) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("", rest),
    };
    if fraction.is_empty() && rest.starts_with(['.', ',']) {
        return None;
    }
    let fraction = fraction[..fraction.len().min(9)].trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{day}T{time}{point}{fraction}{}", canonical_offset(offset)?))
}

fn canonical_offset(offset: &str) -> Option<&str> {
    if offset == "Z" {
        return Some("Z");
    }
    let [hours, minutes] = numbers(offset.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    match (hours, minutes) {
        (0, 0) => Some("Z"),
        (..=24, ..=59) => Some(offset),
        _ => None,
    }
}

/// Digits of exactly these widths between separators.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part =
            parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn dates_come_out_as_the_server_prints_them() {
        for (given, printed) in [
            ("2020-01-02T03:04:05.120000+00:00", Some("2020-01-02T03:04:05.12Z")),
            ("2020-01-02T03:04:05.123456789+02:00", Some("2020-01-02T03:04:05.123456789+02:00")),
            ("2020-01-02T03:04:05,5Z", Some("2020-01-02T03:04:05.5Z")),
            ("2020-01-02T03:04:05.000Z", Some("2020-01-02T03:04:05Z")),
            ("2020-01-02T03:04:05.1234567891Z", Some("2020-01-02T03:04:05.123456789Z")),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00Z")),
            ("2020-01-02t03:04:05z", None),
            ("2020-02-30T03:04:05Z", None),
            ("2020-01-02T24:00:00Z", None),
            ("2016-12-31T23:59:60Z", None),
            ("2020-01-02", None),
        ] {
            assert_eq!(canonical(given).as_deref(), printed, "{given}");
        }
    }
}
