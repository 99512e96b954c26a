//! The contract of Selvedge: generated messages, clients and services, and what both sides must spell alike.
//!
//! The `.proto` files beside this one are the manual of the API.

#![forbid(unsafe_code)]

/// Messages and services of `selvedge.v1`.
pub mod v1 {
    #![allow(clippy::all, clippy::pedantic, missing_docs)]
    tonic::include_proto!("selvedge.v1");
}

/// The calls of Weaviate's `weaviate.v1` that Selvedge uses, wire-compatible with the real service.
#[cfg(feature = "weaviate")]
pub mod weaviate {
    #![allow(clippy::all, clippy::pedantic, missing_docs)]
    tonic::include_proto!("weaviate.v1");
}

/// The descriptors of `selvedge.v1`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/selvedge.bin"));

/// The `domain` of every `google.rpc.ErrorInfo` that Selvedge sends.
pub const ERROR_DOMAIN: &str = "selvedge";

const REASON_PREFIX: &str = "FAILURE_REASON_";

impl v1::FailureReason {
    /// The reason as `google.rpc.ErrorInfo.reason` carries it, such as `COLLECTION_NOT_FOUND`.
    pub fn id(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix(REASON_PREFIX).unwrap_or(name)
    }

    /// The reason with this id, or `Unspecified` for one that this version does not know.
    pub fn from_id(id: &str) -> Self {
        Self::from_str_name(&format!("{REASON_PREFIX}{id}")).unwrap_or(Self::Unspecified)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn the_descriptors_decode_and_hold_every_service() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors decode");
        let mut services: Vec<_> =
            set.file.iter().flat_map(|file| file.service.iter().map(|service| service.name())).collect();
        services.sort_unstable();
        assert_eq!(services, ["BackupService", "CollectionService", "JobService", "ServerService"]);
    }

    #[test]
    fn a_reason_survives_the_wire() {
        let reason = v1::FailureReason::CollectionNotFound;
        assert_eq!(reason.id(), "COLLECTION_NOT_FOUND");
        assert_eq!(v1::FailureReason::from_id(reason.id()), reason);
        assert_eq!(v1::FailureReason::from_id("FROM_THE_FUTURE"), v1::FailureReason::Unspecified);
    }
}
