//! Ids of jobs as they are shown at a terminal: the server takes any beginning of an id that only one job has.

/// The whole time that an id begins with: shorter ones are soon those of other jobs, too, which may not be shown.
const LEAST: usize = 13;

/// The same beginning of each id, as long as it takes to tell them apart.
pub fn beginnings<'i>(ids: &[&'i str]) -> Vec<&'i str> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let in_common = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let longest = sorted.windows(2).map(in_common).max().unwrap_or(0);
    let length = LEAST.max(longest + 1);
    ids.iter().map(|id| id.get(..length).unwrap_or(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_tell_ids_apart() {
        let a = "01a215a1-a35c-702a-a044-0ad70768f5e3";
        let b = "01a215a1-a36c-702a-a044-0ad70768f5e3";
        let c = "01a2159e-994c-763b-a51f-941940696248";
        assert_eq!(beginnings(&[a, c]), ["01a215a1-a35c", "01a2159e-994c"]);
        assert_eq!(
            beginnings(&[a, b, c, a]),
            ["01a215a1-a35c", "01a215a1-a36c", "01a2159e-994c", "01a215a1-a35c"]
        );
        assert_eq!(beginnings(&[""]), [""]);
        assert!(beginnings(&[]).is_empty());
    }
}
