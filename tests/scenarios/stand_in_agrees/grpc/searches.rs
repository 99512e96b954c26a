//! What Search is asked.

use selvedge_proto::weaviate::filters::{Operator, TestValue};
use selvedge_proto::weaviate::{
    FilterTarget, Filters, MetadataRequest, ObjectPropertiesRequest, PropertiesRequest, SearchRequest,
    filter_target,
};

const SCALARS: [&str; 17] =
    ["t", "ta", "s", "i", "ia", "n", "na", "b", "ba", "d", "da", "u", "ua", "g", "ph", "bl", "bh"];
const CLASSES: [&str; 12] = [
    "Flat", "Named", "OneNamed", "Single", "Mixed", "Three", "Oai", "OaiNamed", "allTypes", "Nope", "Mt",
    "Al",
];

pub fn searches() -> Vec<(String, SearchRequest)> {
    let mut searches = by_property();
    searches.extend(by_page());
    searches.extend(CLASSES.map(|class| (format!("all of {class}"), all_of(class))));
    searches.extend(by_vector());
    searches.extend(by_id());
    searches
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn all_of(class: &str) -> SearchRequest {
    SearchRequest {
        collection: class.into(),
        limit: 1000,
        metadata: Some(MetadataRequest { uuid: true, vector: true, ..MetadataRequest::default() }),
        uses_123_api: true,
        uses_125_api: true,
        uses_127_api: true,
        ..SearchRequest::default()
    }
}

fn object(name: &str, primitive: &[&str], inner: Vec<ObjectPropertiesRequest>) -> ObjectPropertiesRequest {
    ObjectPropertiesRequest {
        prop_name: name.into(),
        primitive_properties: texts(primitive),
        object_properties: inner,
    }
}

fn with(class: &str, names: &[&str], object_properties: Vec<ObjectPropertiesRequest>) -> SearchRequest {
    let properties = PropertiesRequest { non_ref_properties: texts(names), object_properties };
    SearchRequest { properties: Some(properties), ..all_of(class) }
}

fn by_property() -> Vec<(String, SearchRequest)> {
    let o = object("o", &["X", "y", "nb", "nh", "ya"], vec![object("z", &["q", "bl"], vec![])]);
    let oa = object("oa", &["x", "n"], vec![]);
    let first = "00000000-0000-0000-0000-000000000001";
    let searches = [
        ("everything named", with("AllTypes", &SCALARS, vec![o, oa])),
        ("no properties asked for", all_of("AllTypes")),
        ("an empty properties request", with("AllTypes", &[], vec![])),
        ("nested ones by the outer name", with("AllTypes", &["o", "oa"], vec![])),
        ("an unknown property", with("AllTypes", &["nope"], vec![])),
        ("an unknown object property", with("AllTypes", &[], vec![object("nope", &[], vec![])])),
        ("a reference", with("Refs", &["r"], vec![])),
        ("references not asked for", all_of("Refs")),
        ("trap g", with("Trap", &["g"], vec![])),
        ("trap g, not asked for", with("Trap", &["o"], vec![])),
        ("trap oa", SearchRequest { after: first.into(), ..with("Trap", &["oa"], vec![]) }),
    ];
    searches.map(|(name, request)| (name.to_owned(), request)).to_vec()
}

fn by_page() -> Vec<(String, SearchRequest)> {
    let all = || all_of("AllTypes");
    let after = |after: &str| SearchRequest { after: after.into(), limit: 2, ..all() };
    let tenant = |class: &str, tenant: &str| SearchRequest { tenant: tenant.into(), ..all_of(class) };
    let searches = [
        ("no metadata", SearchRequest { metadata: None, ..all() }),
        ("limit 0", SearchRequest { limit: 0, ..all() }),
        ("limit 3", SearchRequest { limit: 3, ..all() }),
        ("limit 10001", SearchRequest { limit: 10_001, ..all() }),
        ("after an object", after("00000000-0000-0000-0000-0000000a0003")),
        ("after no object", after("00000000-0000-0000-0000-0000000B0FFF")),
        ("after the end", after("ffffffff-ffff-ffff-ffff-ffffffffffff")),
        ("after nonsense", after("foo")),
        ("an active tenant", tenant("Mt", "a")),
        ("an inactive tenant", tenant("Mt", "b")),
        ("an unknown tenant", tenant("Mt", "nope")),
        ("a tenant of none", tenant("Flat", "a")),
    ];
    searches.map(|(name, request)| (name.to_owned(), request)).to_vec()
}

/// Not even what cannot be read keeps ids from being found.
fn by_id() -> Vec<(String, SearchRequest)> {
    let condition = |operator: Operator, id: &str| Filters {
        operator: operator.into(),
        test_value: Some(TestValue::ValueText(id.to_owned())),
        target: Some(FilterTarget { target: Some(filter_target::Target::Property("_id".to_owned())) }),
        ..Filters::default()
    };
    let last = condition(Operator::LessThanEqual, "00000000-0000-0000-0000-0000000b0004");
    let after = condition(Operator::GreaterThan, "00000000-0000-0000-0000-0000000a0002");
    let both =
        Filters { operator: Operator::And.into(), filters: vec![last.clone(), after], ..Filters::default() };
    let ids = |class: &str, tenant: &str, filters: Filters| SearchRequest {
        collection: class.into(),
        tenant: tenant.into(),
        filters: Some(filters),
        properties: Some(PropertiesRequest::default()),
        metadata: Some(MetadataRequest { uuid: true, ..MetadataRequest::default() }),
        limit: 1000,
        ..SearchRequest::default()
    };
    let none = condition(Operator::LessThanEqual, "00000000-0000-0000-0000-000000000000");
    let searches = [
        ("ids", ids("AllTypes", "", both)),
        ("ids of what cannot be read", ids("Trap", "", last.clone())),
        ("ids in a tenant", ids("Mt", "a", last.clone())),
        ("no ids", ids("AllTypes", "", none)),
        ("ids in no class", ids("Nope", "", last)),
    ];
    searches.map(|(name, request)| (name.to_owned(), request)).to_vec()
}

fn by_vector() -> Vec<(String, SearchRequest)> {
    let asked = [("Named", &["a"][..]), ("Named", &["m", "a"]), ("Named", &["nope"]), ("Flat", &["default"])];
    let search = |(class, names): (&str, &[&str])| {
        let metadata = MetadataRequest { vectors: texts(names), uuid: true, ..MetadataRequest::default() };
        (format!("vectors {names:?}"), SearchRequest { metadata: Some(metadata), ..all_of(class) })
    };
    asked.map(search).to_vec()
}
