//! What the repository and Weaviate both speak: collections, batches of objects, digests, ranges of ids.

#![forbid(unsafe_code)]

mod access;
mod batch;
mod collection;
mod digest;
mod dimensions;
pub mod error;
mod json_text;
mod names;
mod nearest;
mod range;
mod reference;
mod remark;
mod rest_object;
mod selection;
mod tenant;
mod vectors;

pub use access::{Access, Assignment, Holder, HolderKind, Role};
pub use batch::{Batch, TextColumn};
pub use collection::{Collection, Property, ValueKind, VectorSpace};
pub use digest::{BUCKETS, Buckets, Content, Digest, Digester, Unfit, bucket_of};
pub use dimensions::{DimensionCount, Dimensions};
pub use json_text::write_json_text;
pub use names::{is_collection_name, is_property_name, is_tenant_name, is_vector_name};
pub use nearest::{nearest, nearest_or};
pub use range::UuidRange;
pub use reference::{Beacon, References, parse_references, rename_references};
pub use remark::{Names, Reason, Remark, RemarkKind, WhyFull, gaps};
pub use rest_object::{Fields, RestObject};
pub use selection::{Selection, is_pattern};
pub use tenant::{LeftOut, Tenant, TenantStatus};
pub use vectors::{MultiVectorColumn, VectorColumn, Vectors};
