//! The columns of a data file.
//!
//! ```text
//! id             string                    the UUID with hyphens
//! tenant         string                    multi-tenant collections only
//! creation_time  timestamp(ms, UTC)
//! update_time    timestamp(ms, UTC)
//! hashes         fixed binary(48)          the object's content hashes: of its properties, references and vectors, each
//!                                          with its id and tenant, of 16 bytes, little-endian. Not in format 1
//! properties     string                    a JSON object
//! references     string                    only where the collection has reference properties: a JSON object with a
//!                                          list of beacons by property; null for an object that has none
//! vector         list<float>               the legacy vector space, if the collection has it
//! vectors        struct of one list<float>, or list<list<float>> for multi-vectors, for each named vector space
//! ```
//!
//! A vector that is absent is null; an empty one is an empty list. A backup without vectors has no columns for them.
//! A backup of keys has neither properties nor vectors, but the hashes of all that objects hold.
//! Floats are stored as they are, which is what keeps reading and writing fast; text is compressed. What identifies an object
//! comes first, so that it can be read without the rest. Rows are in the order of their tenants and ids, but in format 1.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::data_file::SectionKind;
use crate::manifest::FORMAT_VERSION;
use selvedge_model::error::{Error, Result};
use selvedge_model::{Collection, Digest, Digester, Property, VectorSpace};

pub const ID: &str = "id";
pub const TENANT: &str = "tenant";
pub const CREATION_TIME: &str = "creation_time";
pub const UPDATE_TIME: &str = "update_time";
pub const HASHES: &str = "hashes";
pub const PROPERTIES: &str = "properties";
pub const REFERENCES: &str = "references";
pub const VECTOR: &str = "vector";
pub const VECTORS: &str = "vectors";

/// Bytes of the hashes of an object.
pub const HASHES_WIDTH: i32 = Digest::HASHES as i32;

/// Which section of a row group a column is in, by its name or by that of the column that it is a part of.
pub fn section_of(column: &str) -> SectionKind {
    match column {
        ID | TENANT | CREATION_TIME | UPDATE_TIME | HASHES => SectionKind::Keys,
        PROPERTIES => SectionKind::Properties,
        REFERENCES => SectionKind::References,
        _ => SectionKind::Vectors,
    }
}

/// What the data files of a collection look like.
#[derive(Debug)]
pub struct Columns {
    pub collection: String,
    pub properties: Vec<Property>,
    /// Vectors whose index was dropped: Weaviate still shows some.
    pub dropped: Vec<String>,
    pub multi_tenant: bool,
    pub references: bool,
    /// Whether files have no properties and vectors, although batches do.
    pub keys_only: bool,
    /// A batch has a column for each, in this order.
    pub spaces: Vec<VectorSpace>,
    pub schema: SchemaRef,
    pub parquet: WriterProperties,
    pub digester: Digester,
}

impl Columns {
    pub fn new(collection: &Collection, spaces: &[VectorSpace], keys_only: bool) -> Result<Self> {
        let (multi_tenant, references) = (collection.multi_tenant, collection.has_references());
        let mut fields = vec![Field::new(ID, DataType::Utf8, false)];
        if multi_tenant {
            fields.push(Field::new(TENANT, DataType::Utf8, false));
        }
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        fields.push(Field::new(CREATION_TIME, time.clone(), false));
        fields.push(Field::new(UPDATE_TIME, time, false));
        fields.push(Field::new(HASHES, DataType::FixedSizeBinary(HASHES_WIDTH), false));
        if !keys_only {
            fields.push(Field::new(PROPERTIES, DataType::Utf8, false));
        }
        if references {
            fields.push(Field::new(REFERENCES, DataType::Utf8, true));
        }
        let in_files = if keys_only { &[] } else { spaces };
        let legacy = in_files.iter().find(|space| space.name.is_none());
        fields.extend(legacy.map(|space| vector_field(VECTOR, space.multi)));
        let named = named_fields(in_files);
        if !named.is_empty() {
            fields.push(Field::new(VECTORS, DataType::Struct(named), false));
        }
        Ok(Self {
            multi_tenant,
            references,
            keys_only,
            spaces: spaces.to_vec(),
            schema: Arc::new(Schema::new(fields)),
            parquet: writer_properties(&collection.name)?,
            collection: collection.name.clone(),
            properties: collection.properties.clone(),
            dropped: collection.dropped_vectors().into_iter().map(str::to_owned).collect(),
            digester: Digester::new(&collection.properties, spaces),
        })
    }
}

/// The fields of the struct column, in the order of the spaces.
pub fn named_fields(spaces: &[VectorSpace]) -> Fields {
    spaces
        .iter()
        .filter_map(|space| space.name.as_deref().map(|name| vector_field(name, space.multi)))
        .collect()
}

fn vector_field(name: &str, multi: bool) -> Field {
    let list = if multi { DataType::List(vector_element()) } else { DataType::List(float_element()) };
    Field::new(name, list, true)
}

pub fn float_element() -> FieldRef {
    Arc::new(Field::new("element", DataType::Float32, false))
}

/// An object's vector among several in the same space.
pub fn vector_element() -> FieldRef {
    Arc::new(Field::new("element", DataType::List(float_element()), false))
}

fn writer_properties(collection: &str) -> Result<WriterProperties> {
    let zstd =
        ZstdLevel::try_new(1).map_err(|error| Error::internal("zstd has no level 1").caused_by(error))?;
    let path = |name: &str| ColumnPath::from(name);
    let metadata = [
        ("selvedge.format_version", FORMAT_VERSION.to_string()),
        ("selvedge.collection", collection.to_owned()),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    // The defaults are those of vectors: plain and uncompressed.
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("selvedge ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.to_vec()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        // Counted in values. After each batch the writer looks at what the page has become, and the default is 4 KiB of floats.
        .set_write_batch_size(64 << 10)
        .set_column_dictionary_enabled(path(TENANT), true);
    for text in [ID, TENANT, PROPERTIES, REFERENCES] {
        builder = builder.set_column_compression(path(text), Compression::ZSTD(zstd));
    }
    for time in [CREATION_TIME, UPDATE_TIME] {
        builder = builder.set_column_encoding(path(time), Encoding::DELTA_BINARY_PACKED);
    }
    // Lets other tools find an object, a tenant or a time without reading everything.
    for key in [ID, TENANT, CREATION_TIME, UPDATE_TIME] {
        builder = builder.set_column_statistics_enabled(path(key), EnabledStatistics::Chunk);
    }
    Ok(builder.build())
}
