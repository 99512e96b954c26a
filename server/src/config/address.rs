//! Addresses as people write them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::absolute;

use url::Url;

use selvedge_model::error::{Error, Result};

const GRPC_PORT: u16 = 50051;

/// Only this machine may be listened to, unless it is safe to do so elsewhere, or said to be.
pub fn listen(text: &str, is_safe: bool) -> Result<SocketAddr> {
    let address = socket("--listen", "listen", text)?;
    if address.ip().is_loopback() || is_safe {
        return Ok(address);
    }
    let text = format!(
        "--listen {address} is refused: whoever can reach this address could read, overwrite and clear collections, unless \
         there are both TLS and a list of who may call"
    );
    Err(Error::invalid("listen", text).hint(
        "give --tls-cert, --tls-key and --callers (or --tls-client-ca); or listen on 127.0.0.1 with a proxy before it that checks who \
         is calling, or say --allow-insecure if the network is private",
    ))
}

/// Only this machine may read metrics, unless it is said otherwise. Empty is none.
pub fn metrics_listen(text: Option<&str>, is_safe: bool) -> Result<Option<SocketAddr>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let address = socket("--metrics-listen", "metrics_listen", text)?;
    if address.ip().is_loopback() || is_safe {
        return Ok(Some(address));
    }
    let text = format!(
        "--metrics-listen {address} is refused: whoever can reach this address could read the names of clusters and collections, \
         and when they are backed up"
    );
    Err(Error::invalid("metrics_listen", text)
        .hint("listen on 127.0.0.1, or say --allow-insecure-metrics if they may"))
}

fn socket(flag: &str, field: &'static str, text: &str) -> Result<SocketAddr> {
    let bad = || Error::invalid(field, format!("{flag} \"{text}\" is not an address"));
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| bad().hint("write it as host:port, such as 127.0.0.1:50071").caused_by(error))?;
    addresses.next().ok_or_else(bad)
}

/// `flag` is for the error.
pub fn weaviate_url(flag: &'static str, text: &str) -> Result<Url> {
    let bad = |why: &str| Error::invalid(flag, format!("{flag} {why}"));
    if !text.contains("://") {
        return Err(bad(&format!("\"{text}\" has no scheme")).hint(format!("did you mean http://{text}?")));
    }
    // Before any error that quotes the address.
    let host = text.split_once("://").map_or(text, |(_, rest)| rest).split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err(
            bad("must not hold a user or a password").hint("put the key into WEAVIATE_API_KEY or a file")
        );
    }
    let url = Url::parse(text).map_err(|error| bad(&format!("\"{text}\" is not a URL")).caused_by(error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("\"{text}\" is neither http:// nor https://")));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad(&format!("\"{text}\" names no host")));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(bad(&format!("\"{text}\" has more than a scheme, a host and a port")));
    }
    Ok(url)
}

/// Without the slash that a URL always ends with.
pub fn text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Where Weaviate's gRPC is if nobody says so: on its usual port, or where Weaviate Cloud has it.
pub fn default_grpc_url(rest: &Url) -> Url {
    let mut url = rest.clone();
    let host = rest.host_str().unwrap_or_default();
    let cloud = (rest.scheme() == "https").then(|| cloud_grpc_host(host)).flatten();
    // Neither fails for http and https, which take any port and any host that was a host before.
    match cloud {
        Some(host) => {
            let _ = url.set_host(Some(&host));
            let _ = url.set_port(None);
        }
        None => {
            let _ = url.set_port(Some(GRPC_PORT));
        }
    }
    url
}

fn cloud_grpc_host(host: &str) -> Option<String> {
    if let Some((cluster, domain)) = host.split_once('.')
        && domain.ends_with("weaviate.network")
    {
        return Some(format!("{cluster}.grpc.{domain}"));
    }
    let cloud = [".weaviate.cloud", ".weaviate.io", ".semi.technology"];
    cloud.iter().any(|domain| host.ends_with(domain)).then(|| format!("grpc-{host}"))
}

/// A URL as it is; a path, which may be relative, as the URL of its folder.
/// `flag` is for the error.
pub fn repository_url(flag: &str, text: &str) -> Result<String> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let bad = || Error::invalid("repository", format!("{flag} \"{text}\" is not a folder"));
    let path = absolute(text).map_err(|error| {
        bad().hint("name a folder, or its URL such as file:///var/lib/selvedge").caused_by(error)
    })?;
    let path = path.to_str().ok_or_else(bad)?;
    Ok(format!("file://{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grpc_address_follows_from_the_rest_address() {
        let cases = [
            ("http://localhost:8080", "http://localhost:50051"),
            ("http://[::1]:8080/", "http://[::1]:50051"),
            ("https://weaviate.example.com", "https://weaviate.example.com:50051"),
            ("https://x1.c0.gcp.weaviate.cloud", "https://grpc-x1.c0.gcp.weaviate.cloud"),
            ("https://x1.c0.gcp.weaviate.cloud:443", "https://grpc-x1.c0.gcp.weaviate.cloud"),
            ("https://demo.weaviate.network", "https://demo.grpc.weaviate.network"),
        ];
        for (rest, grpc) in cases {
            assert_eq!(text(&default_grpc_url(&weaviate_url("--weaviate-url", rest).unwrap())), grpc);
        }
    }

    #[test]
    fn a_folder_is_a_repository() {
        assert_eq!(repository_url("--repository", "/var/lib/selvedge").unwrap(), "file:///var/lib/selvedge");
        assert_eq!(repository_url("--repository", "s3://bucket/prefix").unwrap(), "s3://bucket/prefix");
        assert!(repository_url("--repository", "backups").unwrap().starts_with("file:///"));
    }
}
