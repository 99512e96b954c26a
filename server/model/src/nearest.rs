//! What somebody is likely to have meant.

/// Of so many names nobody has mistyped one by chance, and all of them take too long.
const MOST_NAMES: usize = 10_000;

/// The one of these names that is hardly different from what was written; None if none is.
pub fn nearest<N: AsRef<str>>(written: &str, names: impl IntoIterator<Item = N>) -> Option<N> {
    let written = written.to_lowercase();
    // A third of it may be wrong; of a short word at least one letter, or two that changed places.
    let length = written.chars().count();
    let most = (length / 3).max(1);
    let is_as_long = |name: &N| name.as_ref().chars().count().abs_diff(length) <= most;
    let distance = |name: &N| strsim::damerau_levenshtein(&written, &name.as_ref().to_lowercase());
    let near = names.into_iter().take(MOST_NAMES).filter(is_as_long).map(|name| (distance(&name), name));
    near.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A hint that names the one that is nearest to what was written, or says something else if none is near.
pub fn nearest_or<N: AsRef<str>>(
    written: &str,
    names: impl IntoIterator<Item = N>,
    otherwise: impl Into<String>,
) -> String {
    match nearest(written, names) {
        Some(near) => format!("did you mean \"{}\"?", near.as_ref()),
        None => otherwise.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_if_it_is_near() {
        let names = ["region", "endpoint", "access_key_id"];
        assert_eq!(nearest("regoin", names), Some("region"));
        assert_eq!(nearest("Endpont", names), Some("endpoint"));
        assert_eq!(nearest("acess_key", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest_or("regoin", names, "list them"), "did you mean \"region\"?");
        assert_eq!(nearest_or("x", names, "list them"), "list them");
    }
}
