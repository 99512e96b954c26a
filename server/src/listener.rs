//! Connections as they come in: over TLS if there are certificates, and no more than there may be.

use futures_util::Stream as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::server::Connected;

use crate::changes::Changes;
use selvedge_model::error::{Error, Result};

/// The server's certificate, and whose certificates of clients it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM, the server's own first.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The authorities of clients' certificates. None: they are not asked for.
    pub client_ca: Option<PathBuf>,
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: Option<SocketAddr>,
    /// One that an authority of `client_ca` has signed.
    pub certificate: Option<Arc<CertificateDer<'static>>>,
}

/// More would be a mistake, or an attack: clients have one each.
const CONNECTIONS: usize = 1024;
/// Whoever has not said hello by then has not come to talk.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After a failure to accept, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// TLS as the files have it now.
pub struct Certificates {
    tls: Tls,
    /// Whether a client without a certificate is sent away.
    are_needed: bool,
    now: Mutex<(Changes, Arc<ServerConfig>)>,
}

impl Certificates {
    pub fn load(tls: Tls, are_needed: bool) -> Result<Self> {
        let files = [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()];
        let changes = Changes::of(files.into_iter().flatten().map(PathBuf::as_path));
        let config = tls.read(are_needed)?;
        Ok(Self { tls, are_needed, now: Mutex::new((changes, config)) })
    }

    /// As they are now; as they were, if they cannot be used any more.
    fn acceptor(&self) -> TlsAcceptor {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.have_come() {
            match self.tls.read(self.are_needed) {
                Ok(config) => {
                    tracing::info!("the certificates have changed and were read anew");
                    now.1 = config;
                }
                Err(error) => {
                    tracing::error!(%error, "the certificates have changed and cannot be used: they stay as they were");
                    now.0.forget();
                }
            }
        }
        Arc::clone(&now.1).into()
    }
}

impl Tls {
    fn read(&self, are_needed: bool) -> Result<Arc<ServerConfig>> {
        type Cause = Box<dyn std::error::Error + Send + Sync>;
        let bad = |file: &PathBuf, what: &str, error: Cause| {
            Error::invalid("tls", format!("{} {what}", file.display())).caused_by(error)
        };
        let chain = read_certificates(&self.cert)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| bad(&self.key, "is no private key in PEM", error.into()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::internal("TLS cannot be set up").caused_by(error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in read_certificates(file)? {
                    roots.add(certificate).map_err(|error| bad(file, "holds no authority", error.into()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if are_needed { verifier } else { verifier.allow_unauthenticated() };
                let verifier =
                    verifier.build().map_err(|error| bad(file, "holds no authorities", error.into()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| bad(&self.cert, "and its key do not go together", error.into()))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read_certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>> {
    let bad = || Error::invalid("tls", format!("{} holds no certificates in PEM", file.display()));
    let read =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(bad()),
        Err(error) => Err(bad().caused_by(error)),
    }
}

/// Connections that are ready to be talked on. Ends when it is dropped.
pub fn incoming(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
) -> impl futures_util::Stream<Item = io::Result<Connection>> + Send {
    let (ready, receiver) = mpsc::channel(16);
    let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, certificates, ready)));
    let mut connections = ReceiverStream::new(receiver);
    futures_util::stream::poll_fn(move |context| {
        // It goes on as long as somebody takes them.
        let _ = &accepting;
        Pin::new(&mut connections).poll_next(context)
    })
}

async fn accept(
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (certificates, ready) = (certificates.clone(), ready.clone());
        // Nobody waits for a handshake of somebody else.
        tokio::spawn(async move {
            let stream = match certificates {
                None => Stream::Plain(stream),
                Some(certificates) => {
                    match tokio::time::timeout(HANDSHAKE, certificates.acceptor().accept(stream)).await {
                        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                        Ok(Err(error)) => {
                            // Whoever scans ports fills no log.
                            tracing::debug!(from = %address, %error, "no TLS with this client");
                            return;
                        }
                        Err(_) => return,
                    }
                }
            };
            // If nobody takes it any more, the server has stopped.
            let silence = Some(Silence { until: Box::pin(sleep(HANDSHAKE)), bytes: 0 });
            let _ = ready.send(Ok(Connection { stream, address, silence, _place: place })).await;
        });
    }
}

/// One connection.
pub struct Connection {
    stream: Stream,
    address: SocketAddr,
    /// None when it has begun to talk.
    silence: Option<Silence>,
    _place: OwnedSemaphorePermit,
}

/// Who connects and says nothing must not keep a place for ever.
struct Silence {
    until: Pin<Box<Sleep>>,
    bytes: usize,
}

/// Of what every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: usize = 24;

impl Connection {
    /// Fails if it has been silent for too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let is_over =
            self.silence.as_mut().is_some_and(|silence| silence.until.as_mut().poll(context).is_ready());
        if is_over {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client has not begun to talk"));
        }
        Ok(())
    }

    fn hear(&mut self, bytes: usize) {
        if let Some(silence) = &mut self.silence {
            silence.bytes += bytes;
            if silence.bytes >= PREFACE {
                self.silence = None;
            }
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        let certificate = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => {
                let shown = stream.get_ref().1.peer_certificates();
                shown.and_then(|chain| chain.first()).map(|certificate| Arc::new(certificate.clone()))
            }
        };
        Peer { address: Some(self.address), certificate }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut connection.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        match read {
            Poll::Ready(Ok(())) => connection.hear(buffer.filled().len() - before),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => connection.poll_silence(context)?,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
