//! What an answer of Weaviate means to this crate: decided here, once, from REST statuses, gRPC codes and texts.
//!
//! Errors tell users of the crate what kind of failure it is; faults tell the crate itself what to do about it.

use std::error::Error as _;

use reqwest::StatusCode;
use tonic::{Code, Status};

use super::cancel::Cut;
use super::texts;
use selvedge_model::error::Kind;

/// What went wrong with a call, told apart as far as somebody acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There was no answer: the connection failed, or time ran out.
    Unanswered,
    /// The job was cancelled before there was an answer.
    Cancelled,
    Unauthenticated,
    Forbidden,
    /// There is no such collection, or the node that was asked does not know it yet.
    CollectionMissing,
    TenantMissing,
    TenantInactive,
    /// There is a value that Weaviate takes for something else, or cannot read at all.
    Misread,
    /// More than a message of Weaviate's may hold.
    LargerThanMessage,
    /// More than there is room for: at least this many bytes, 0 if that is unknown.
    LargerThanRoom(usize),
    /// More results than a page may have. Older versions do not say how many it may have.
    TooMany(Option<u32>),
    /// A part of what was asked for is on nodes that are down.
    ShardsUnavailable,
    /// Replicas could not be asked to agree, because one of them is down.
    ReplicasDisagree,
    /// The same, noticed while they were being asked, or written to.
    TooFewReplicas,
    /// A shard takes no writes for the moment.
    ReadOnly,
    /// An object has an empty list of dates, and its shard is on another node.
    EmptyDates,
    /// Starting, overloaded, or not whole for the moment.
    Busy,
    /// This Weaviate has no such call.
    UnknownCall,
    /// Refused, without a word on whether it would be refused again.
    Unclear,
    Refused,
}

/// What may become of a call that failed, if it is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    MayPass,
    Unclear,
    ForGood,
}

impl Fault {
    /// What it is to users of the crate, and what may become of it. Every fault is listed, so that a new one has to be
    /// thought about.
    const fn meaning(self) -> (Kind, Outlook) {
        use Outlook::{ForGood, MayPass, Unclear};
        match self {
            Self::Unanswered => (Kind::WeaviateUnreachable, MayPass),
            Self::Cancelled => (Kind::Cancelled, ForGood),
            Self::Unauthenticated => (Kind::WeaviateUnauthenticated, ForGood),
            Self::Forbidden => (Kind::WeaviatePermissionDenied, ForGood),
            Self::CollectionMissing => (Kind::CollectionNotFound, ForGood),
            Self::TenantMissing => (Kind::TenantNotFound, ForGood),
            Self::TenantInactive => (Kind::TenantInactive, ForGood),
            Self::Misread => (Kind::CollectionUnsupported, ForGood),
            Self::LargerThanMessage => (Kind::WeaviateOverloaded, MayPass),
            Self::LargerThanRoom(_) | Self::TooMany(_) => (Kind::WeaviateRefused, ForGood),
            Self::ShardsUnavailable | Self::ReplicasDisagree => (Kind::ShardsUnavailable, MayPass),
            Self::ReadOnly | Self::Busy | Self::TooFewReplicas => (Kind::WeaviateOverloaded, MayPass),
            Self::EmptyDates => (Kind::WeaviateRefused, ForGood),
            Self::UnknownCall => (Kind::WeaviateVersionUnsupported, ForGood),
            Self::Unclear => (Kind::WeaviateRefused, Unclear),
            Self::Refused => (Kind::WeaviateRefused, ForGood),
        }
    }

    pub const fn kind(self) -> Kind {
        self.meaning().0
    }

    pub const fn outlook(self) -> Outlook {
        self.meaning().1
    }

    /// Of the text that an object, or a reference, was refused with. None if it does not tell.
    pub fn of_text(text: &str) -> Option<Self> {
        texts::meaning(text)
    }

    /// Of a REST answer that is not a success.
    pub fn of_rest(status: StatusCode, text: &str) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Busy,
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => Self::UnknownCall,
            // What Weaviate says of itself when it has no better word.
            StatusCode::INTERNAL_SERVER_ERROR => Self::of_text(text).unwrap_or(Self::Unclear),
            _ => Self::of_text(text).unwrap_or(Self::Refused),
        }
    }

    /// Of a gRPC call that failed.
    pub fn of_status(status: &Status) -> Self {
        if status.code() == Code::OutOfRange {
            return Self::LargerThanRoom(texts::told_size(status.message()).unwrap_or(0));
        }
        // A status that was made here, not sent by Weaviate, carries what went wrong.
        if let Some(source) = status.source() {
            return if source.is::<Cut>() { Self::Cancelled } else { Self::Unanswered };
        }
        if status.code() == Code::ResourceExhausted && texts::is_about_messages(status.message()) {
            return Self::LargerThanMessage;
        }
        Self::of_text(status.message()).unwrap_or_else(|| Self::of_code(status.code()))
    }

    /// Every code is listed, so that a new one has to be thought about.
    const fn of_code(code: Code) -> Self {
        match code {
            // Restarting, overloaded, or in a read-only mode that an operator will end.
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Cancelled => Self::Busy,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::Unimplemented => Self::UnknownCall,
            // Weaviate answers most failures with these, so that they say nothing.
            Code::Unknown | Code::Internal => Self::Unclear,
            Code::NotFound
            | Code::AlreadyExists
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::DataLoss
            | Code::Ok => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decide_where_codes_do_not() {
        let fault = |code, text: &str| Fault::of_status(&Status::new(code, text));
        let key = "extract auth: unauthorized: invalid api key";
        assert_eq!(fault(Code::Unknown, key), Fault::Unauthenticated);
        assert_eq!(fault(Code::Unknown, "tenant not active: 't1'"), Fault::TenantInactive);
        assert_eq!(fault(Code::Unknown, "invalid type: *models.GeoCoordinates"), Fault::Misread);
        assert_eq!(fault(Code::Unavailable, "x"), Fault::Busy);
        assert_eq!(fault(Code::Unknown, "something new"), Fault::Unclear);
    }

    #[test]
    fn limits_of_ours_and_of_weaviate_are_told_apart() {
        let ours = "Error, decoded message length too large: found 7 bytes, the limit is: 5 bytes";
        assert_eq!(Fault::of_status(&Status::out_of_range(ours)), Fault::LargerThanRoom(7));
        let theirs = "grpc: trying to send message larger than max (7 vs. 5)";
        assert_eq!(Fault::of_status(&Status::resource_exhausted(theirs)), Fault::LargerThanMessage);
    }

    #[test]
    fn only_what_weaviate_sent_speaks_for_weaviate() {
        let silent = crate::failure::unanswered(std::time::Duration::from_secs(1));
        assert_eq!(Fault::of_status(&silent), Fault::Unanswered);
        assert_eq!(Fault::of_status(&Cut::status()), Fault::Cancelled);
        assert_eq!(Fault::of_status(&Status::cancelled("by the server")), Fault::Busy);
    }
}
