//! What the repository and Weaviate both speak: collections, batches of objects, ranges of ids.

mod batch;
mod collection;
mod range;
mod selection;
mod tenant;

pub use batch::{Batch, MultiVectorColumn, TextColumn, VectorColumn, Vectors};
pub use collection::{Collection, Property, ValueKind, VectorSpace};
pub use range::UuidRange;
pub use selection::{Selection, is_pattern};
pub use tenant::{Tenant, TenantStatus};
