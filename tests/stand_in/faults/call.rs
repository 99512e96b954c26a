//! Calls, and patterns of them.

use std::fmt;

const SERVICE: &str = "/weaviate.v1.Weaviate/";

/// A call, or a pattern of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `*` is any method; in the path any one segment, and at its end `**` is the rest, even none.
    Rest {
        method: String,
        path: String,
    },
    /// The name of the method, or `*`.
    Grpc(String),
    Any,
}

impl Call {
    pub fn rest(method: &str, path: &str) -> Self {
        Self::Rest { method: method.into(), path: path.into() }
    }

    pub fn grpc(method: &str) -> Self {
        Self::Grpc(method.into())
    }

    pub(crate) fn of(method: &str, path: &str) -> Self {
        match path.strip_prefix(SERVICE) {
            Some(name) => Self::grpc(name),
            None => Self::rest(method, path),
        }
    }

    pub(crate) fn covers(&self, made: &Self) -> bool {
        match (self, made) {
            (Self::Any, _) => true,
            (Self::Grpc(pattern), Self::Grpc(name)) => pattern == "*" || pattern == name,
            (Self::Rest { method, path }, Self::Rest { method: made_method, path: made_path }) => {
                (method == "*" || method == made_method) && path_covers(path, made_path)
            }
            _ => false,
        }
    }
}

fn path_covers(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        match (part, segments.next()) {
            ("**", _) => return true,
            (_, None) => return false,
            ("*", Some(_)) => {}
            (part, Some(segment)) if part == segment => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest { method, path } => write!(f, "{method} {path}"),
            Self::Grpc(name) => f.write_str(name),
            Self::Any => f.write_str("any call"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_calls() {
        let made = Call::of("GET", "/v1/schema/Wool/tenants");
        for pattern in
            ["/v1/schema/Wool/tenants", "/v1/schema/*/tenants", "/v1/**", "/v1/schema/Wool/tenants/**"]
        {
            assert!(Call::rest("GET", pattern).covers(&made), "{pattern}");
        }
        for pattern in ["/v1/schema/*", "/v1/schema", "/v1/schema/*/tenants/*"] {
            assert!(!Call::rest("*", pattern).covers(&made), "{pattern}");
        }
        assert!(Call::grpc("Search").covers(&Call::of("POST", "/weaviate.v1.Weaviate/Search")));
    }
}
