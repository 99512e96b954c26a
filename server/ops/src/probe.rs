//! The collection that a schema is tried with before the real one is dropped.

use uuid::Uuid;

const MARK: &str = "SelvedgeProbe";
const RANDOM: usize = 12;
/// Of the name of a collection in Weaviate.
const LONGEST_NAME: usize = 255;

/// A name that begins with the collection's own: a key that is confined to `Article*` may then create it.
pub fn probe_name(collection: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    let end = collection.len().min(LONGEST_NAME - MARK.len() - RANDOM);
    format!("{}{MARK}{}", &collection[..end], &random[..RANDOM])
}

/// Whether a collection of this name is a probe that a server left which was killed.
pub fn is_probe(name: &str) -> bool {
    let is_random = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    name.rsplit_once(MARK).is_some_and(|(_, random)| random.len() == RANDOM && random.chars().all(is_random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_told_from_collections_of_users() {
        for name in ["A", "Article", &"X".repeat(255)] {
            let probe = probe_name(name);
            assert!(
                is_probe(&probe) && probe.len() <= LONGEST_NAME && probe.starts_with(&name[..1]),
                "{probe}"
            );
        }
        assert!(is_probe("SelvedgeProbe130bbb35b7fd"));
        for name in ["SelvedgeProbe", "Article", "SelvedgeProbe130bbb35b7fg", "SelvedgeProbe130bbb35b7fd0"] {
            assert!(!is_probe(name), "{name}");
        }
    }
}
