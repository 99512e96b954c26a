//! What should be left when only a part was asked for.

use super::Census;

impl Census {
    /// The tenants of a collection, sorted.
    pub fn tenants(&self, collection: &str) -> Vec<String> {
        self.collections.get(collection).map_or(Vec::new(), |found| found.tenants.keys().cloned().collect())
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

    pub fn has(&self, collection: &str, id: &str) -> bool {
        self.collections.get(collection).is_some_and(|found| found.objects.keys().any(|key| key.id == id))
    }
}
