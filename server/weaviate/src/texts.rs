//! The texts by which Weaviate is understood.
//!
//! Weaviate answers most failures with a status that says nothing, and a text. So the text is all there is to go by.

use std::borrow::Cow;

use super::fault::Fault;

/// Texts outside of quotes, the more particular first.
const TEXTS: &[(&str, Fault)] = &[
    // Searches, counts and writes of a tenant, over gRPC and REST.
    ("tenant not active", Fault::TenantInactive),
    ("tenant not found", Fault::TenantMissing),
    // Searches and counts over gRPC.
    ("could not find class", Fault::CollectionMissing),
    // Objects and references that were refused, and calls over REST.
    ("class not found", Fault::CollectionMissing),
    // The same, of a node whose schema lags behind, or of a class that was dropped.
    ("not present in schema", Fault::CollectionMissing),
    // gRPC calls with a wrong key, or without one; REST has statuses for them.
    ("invalid api key", Fault::Unauthenticated),
    ("unauthorized", Fault::Unauthenticated),
    ("anonymous access not enabled", Fault::Unauthenticated),
    // gRPC calls that the key's role does not cover.
    ("authorization, forbidden", Fault::Forbidden),
    // Pages over gRPC with a value that Weaviate took for something else when it read it from disk; see `misread`.
    ("invalid type: *models.", Fault::Misread),
    ("invalid type: models.", Fault::Misread),
    // Pages, over gRPC and REST, with one that it cannot read at all.
    ("enrich schema datatypes", Fault::Misread),
    // Searches while the nodes of a shard are down.
    ("no read replica found", Fault::ShardsUnavailable),
    // The status of a shard of a dead node, over REST.
    ("resolve node name", Fault::ShardsUnavailable),
    // Any call, and objects that were refused, when Weaviate's limit for memory is near.
    ("not enough memory", Fault::Busy),
    // Objects of a shard that takes no writes for the moment.
    ("store is read-only", Fault::ReadOnly),
    ("READONLY", Fault::ReadOnly),
    // Objects while nodes of their shard are down.
    ("cannot reach enough replicas", Fault::Busy),
    ("no write replica found", Fault::Busy),
    // What a node says of another one that cannot be reached, or is starting.
    ("connect: Post", Fault::Busy),
    ("connection refused", Fault::Busy),
    ("Node not ready", Fault::Busy),
    // Searches and objects while a shard is being loaded or shut down.
    ("no bucket for prop", Fault::Busy),
    ("might have been deleted in the meantime", Fault::Busy),
    // Any call that took Weaviate too long.
    ("context deadline exceeded", Fault::Busy),
    // Changes to the schema while the nodes elect a leader.
    ("leader not found", Fault::Busy),
    // As many reads as MAXIMUM_CONCURRENT_GET_REQUESTS allows are under way.
    ("Too many requests", Fault::Busy),
    // A node that is behind with the schema.
    ("deadline exceeded for waiting for update", Fault::Busy),
    // What a node says of another one that is shutting down.
    ("request not found", Fault::Busy),
    ("client connection is closing", Fault::Busy),
    ("code = Unavailable", Fault::Busy),
    ("unexpected EOF", Fault::Busy),
    ("connection reset by peer", Fault::Busy),
    ("broken pipe", Fault::Busy),
    ("i/o timeout", Fault::Busy),
];

/// Texts that are looked for also between quotes: Weaviate passes on what another of its nodes has said.
const TEXTS_PASSED_ON: &[(&str, Fault)] = &[
    // Pages, over gRPC and REST, of more objects than QUERY_MAXIMUM_RESULTS.
    ("query maximum results exceeded", Fault::TooMany(None)),
    // Objects with an empty list of dates, stored on another node than the one that was asked.
    ("parse as time array", Fault::EmptyDates),
    // Searches at QUORUM with a replica that is down.
    ("inconsistent consistency levels", Fault::ReplicasDisagree),
    ("impossible to satisfy consistency level", Fault::ReplicasDisagree),
    // The same of a replica that fails while it is asked, and of writes.
    ("cannot achieve consistency level", Fault::TooFewReplicas),
];

/// What a text of Weaviate means, if it is known.
pub fn meaning(text: &str) -> Option<Fault> {
    let found = |table: &[(&str, Fault)], text: &str| {
        table.iter().find(|(part, _)| text.contains(part)).map(|(_, fault)| *fault)
    };
    match found(TEXTS_PASSED_ON, text) {
        Some(Fault::TooMany(_)) => Some(Fault::TooMany(most_results(text))),
        Some(fault) => Some(fault),
        None => found(TEXTS, &without_quotes(text)),
    }
}

/// Whether a shard takes no writes, whatever else the text says: replicas that fail, and why.
pub fn is_read_only(text: &str) -> bool {
    // What another node has said may be between quotes.
    let said: Cow<'_, str> = match meaning(text) {
        Some(Fault::TooFewReplicas) => text.into(),
        _ => without_quotes(text),
    };
    TEXTS.iter().any(|(part, fault)| *fault == Fault::ReadOnly && said.contains(*part))
}

/// Whether a node was asked for an object of a shard that it has no replica of. The node that was asked first may pass on what
/// another one has said.
pub fn is_elsewhere(text: &str) -> bool {
    without_quotes(text).contains("does not exist locally")
}

/// Without names and values of users, which Weaviate puts between quotes.
fn without_quotes(text: &str) -> Cow<'_, str> {
    if !text.contains(['"', '\'']) {
        return text.into();
    }
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start);
        said.push_str(before);
        let quote = &quoted[..1];
        // An apostrophe within a word opens nothing.
        let opens = !before.ends_with(char::is_alphanumeric);
        match quoted[1..].find(quote).filter(|_| opens) {
            Some(end) => rest = &quoted[end + 2..],
            None => {
                said.push_str(quote);
                rest = &quoted[1..];
            }
        }
    }
    said.push_str(rest);
    said.into()
}

/// The limit that is told with "query maximum results exceeded".
fn most_results(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("QUERY_MAXIMUM_RESULTS '")?;
    rest.split('\'').next()?.parse().ok()
}

/// The property that "enrich schema datatypes" is about.
pub fn property(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("property \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// Whether a message, a page or a batch, is larger than Weaviate's gRPC library lets it be.
pub fn is_about_messages(text: &str) -> bool {
    text.contains("larger than max")
}

/// How large a reply is that our own gRPC library does not take: "…too large: found 7 bytes, the limit is: 5 bytes".
pub fn told_size(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("found ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_have_named_says_nothing() {
        assert_eq!(meaning("no property 'tenant not found' in class \"READONLY\""), None);
        assert_eq!(meaning("Weaviate can't: connection refused"), Some(Fault::Busy));
    }

    #[test]
    fn a_shard_is_read_only_whatever_else_is_said() {
        assert!(is_read_only("shard is READONLY"));
        let of_replicas = r#"cannot achieve consistency level "QUORUM": "store is read-only""#;
        assert_eq!(meaning(of_replicas), Some(Fault::TooFewReplicas));
        assert!(is_read_only(of_replicas));
        assert!(!is_read_only("cannot achieve consistency level \"QUORUM\""));
        assert!(!is_read_only("no property 'READONLY'"));
    }

    #[test]
    fn the_most_results_are_told_by_newer_versions() {
        let told = "query maximum results exceeded: over QUERY_MAXIMUM_RESULTS '100'";
        assert_eq!(meaning(told), Some(Fault::TooMany(Some(100))));
        assert_eq!(meaning("query maximum results exceeded"), Some(Fault::TooMany(None)));
    }
}
