//! What should be left when only a part was asked for.

use super::{Census, Object};

impl Census {
    /// The tenants of a collection, sorted.
    pub fn tenants(&self, collection: &str) -> Vec<String> {
        self.collections.get(collection).map_or(Vec::new(), |found| found.tenants.keys().cloned().collect())
    }

    /// Those that have any object.
    pub fn filled_tenants(&self, collection: &str) -> Vec<String> {
        let objects = self.collections.get(collection).into_iter().flat_map(|found| found.objects.keys());
        let mut tenants: Vec<_> = objects.map(|key| key.tenant.clone()).collect();
        tenants.dedup();
        tenants
    }

    /// The same, but with only these tenants of one collection.
    pub fn only_tenants(&self, collection: &str, tenants: &[&str]) -> Self {
        let mut census = self.clone();
        if let Some(found) = census.collections.get_mut(collection) {
            found.tenants.retain(|tenant, _| tenants.contains(&tenant.as_str()));
            found.objects.retain(|key, _| tenants.contains(&key.tenant.as_str()));
        }
        census
    }

    /// The same objects, but none with a vector.
    pub fn without_vectors(&self) -> Self {
        let mut census = self.clone();
        let objects = census.collections.values_mut().flat_map(|collection| collection.objects.values_mut());
        objects.for_each(|object| object.vectors.clear());
        census
    }

    /// The ids of a collection's objects, sorted by tenant and id.
    pub fn ids(&self, collection: &str) -> Vec<String> {
        let objects = self.collections.get(collection).into_iter().flat_map(|found| found.objects.keys());
        objects.map(|key| key.id.clone()).collect()
    }

    /// The ids of those that have references.
    pub fn owners(&self, collection: &str) -> Vec<String> {
        let objects = self.collections.get(collection).into_iter().flat_map(|found| &found.objects);
        let owns = |object: &Object| object.properties.values().any(|text| text.contains("weaviate://"));
        objects.filter(|(_, object)| owns(object)).map(|(key, _)| key.id.clone()).collect()
    }

    pub fn has(&self, collection: &str, id: &str) -> bool {
        self.collections.get(collection).is_some_and(|found| found.objects.keys().any(|key| key.id == id))
    }
}
