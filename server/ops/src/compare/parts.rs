//! In what two objects differ.

use std::collections::BTreeMap;

use selvedge_model::{Batch, Digester, VectorSpace, Vectors};
use serde_json::Value;

/// A property, reference or vector that is not the same in two objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub kind: PartKind,
    /// Empty for the unnamed vector.
    pub name: String,
    /// What is with it: "property "text" differs".
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    Property,
    Reference,
    Vector,
}

/// How objects were, and how they are.
pub struct Sides<'a> {
    /// Of how they were.
    pub digester: &'a Digester,
    pub spaces_before: &'a [VectorSpace],
    pub spaces_after: &'a [VectorSpace],
}

impl Sides<'_> {
    /// All of two objects that differs, each a batch of its own. Vectors are looked at only where both have been read.
    pub fn parts(&self, was: &Batch, is: &Batch) -> Vec<Part> {
        let (before, after) = (was.properties.get(0), is.properties.get(0));
        let properties = self.digester.changed_properties(before, after).into_iter();
        let mut parts: Vec<_> =
            properties.map(|name| described(before, after, name, PartKind::Property)).collect();
        let references = |batch: &Batch| batch.references.as_ref().map(|column| column.get(0).to_owned());
        let [before, after] = [was, is].map(|batch| references(batch).unwrap_or_default());
        let changed = self.digester.changed_references(&before, &after).into_iter();
        parts.extend(changed.map(|name| described(&before, &after, name, PartKind::Reference)));
        if !was.vectors.is_empty() {
            parts.extend(self.vectors(was, is));
        }
        parts
    }

    fn vectors(&self, was: &Batch, is: &Batch) -> Vec<Part> {
        let mut changed = Vec::new();
        for (space, before) in self.spaces_before.iter().zip(&was.vectors) {
            let after = self.spaces_after.iter().position(|other| other.name == space.name);
            let after = after.and_then(|at| is.vectors.get(at)).and_then(bits);
            let before = bits(before);
            if before != after {
                let text = format!("{} is {}", space.label(), how(before.as_deref(), after.as_deref()));
                let name = space.name.clone().unwrap_or_default();
                changed.push(Part { kind: PartKind::Vector, name, text });
            }
        }
        changed
    }
}

/// A member that differs in two JSON objects, and how.
fn described(was: &str, is: &str, name: String, kind: PartKind) -> Part {
    let has = |json: &str| {
        serde_json::from_str::<BTreeMap<String, Value>>(json).is_ok_and(|members| members.contains_key(&name))
    };
    let how = match (has(was), has(is)) {
        (true, false) => "is missing",
        (false, _) => "is new",
        (true, true) => "differs",
    };
    let what = if kind == PartKind::Reference { "reference" } else { "property" };
    let text = format!("{what} \"{name}\" {how}");
    Part { kind, name, text }
}

/// The bits of an object's floats, one list for each of its vectors there.
fn bits(vectors: &Vectors) -> Option<Vec<Vec<u32>>> {
    let of = |vector: &[f32]| vector.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
    match vectors {
        Vectors::Single(column) => column.get(0).map(|vector| vec![of(vector)]),
        Vectors::Multi(column) => column.get(0).map(|all| all.map(of).collect()),
    }
}

fn how(was: Option<&[Vec<u32>]>, is: Option<&[Vec<u32>]>) -> String {
    let (Some(was), Some(is)) = (was, is) else {
        return if was.is_some() { "missing".to_owned() } else { "new".to_owned() };
    };
    let floats = |vectors: &[Vec<u32>]| vectors.iter().flatten().copied().collect::<Vec<_>>();
    let (before, after) = (floats(was), floats(is));
    if was.len() != is.len() || before.len() != after.len() {
        return "of another shape".to_owned();
    }
    let differing = before.iter().zip(&after).filter(|(was, is)| was != is).count();
    format!("different in {differing} of its {} floats", before.len())
}
