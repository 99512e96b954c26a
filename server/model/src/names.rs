//! What Weaviate takes for names (`entities/schema/validation.go`, 1.39).

/// Of a collection. Weaviate would turn a small first letter into a capital: asking for the capital leaves no doubt of the name.
pub fn is_collection_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(is_word)
        && name.len() <= 255
}

pub fn is_tenant_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| is_word(c) || c == '-')
}

/// Of a property. Weaviate would turn a capital first letter into a small one.
pub fn is_property_name(name: &str) -> bool {
    let first = |first: char| first.is_ascii_lowercase() || first == '_';
    name.starts_with(first) && name.chars().all(is_word) && name.len() <= 231
}

/// Of a named vector.
pub fn is_vector_name(name: &str) -> bool {
    let first = |first: char| first.is_ascii_alphabetic() || first == '_';
    name.starts_with(first) && name.chars().all(is_word) && name.len() <= 230
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_rules() {
        assert!(
            is_collection_name("Article_2") && !is_collection_name("article") && !is_collection_name("A-b")
        );
        assert!(is_tenant_name("2-a_B") && !is_tenant_name("") && !is_tenant_name(&"t".repeat(65)));
        assert!(is_property_name("_a1") && !is_property_name("Title") && !is_property_name("a.b"));
        assert!(is_vector_name("Title_v") && !is_vector_name("2d") && !is_vector_name(""));
    }
}
