//! The listening socket, and connections that can be cut from outside.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::faults::Faults;

/// Bytes that may still be written when nobody has asked for a cut.
const UNLIMITED: u64 = u64::MAX;

/// Ends one connection. A clone ends the same one.
#[derive(Clone)]
pub(crate) struct WayOut(Arc<Thread>);

struct Thread {
    writable: AtomicU64,
    silent: AtomicBool,
    reader: AtomicWaker,
}

impl WayOut {
    fn new() -> Self {
        let (writable, silent) = (AtomicU64::new(UNLIMITED), AtomicBool::new(false));
        Self(Arc::new(Thread { writable, silent, reader: AtomicWaker::new() }))
    }

    /// Resets the connection now.
    pub fn cut(&self) {
        self.cut_after(0);
    }

    /// Resets the connection when so many more bytes have been written, whatever they belong to.
    pub fn cut_after(&self, bytes: u64) {
        self.0.writable.store(bytes, Ordering::SeqCst);
        self.0.reader.wake();
    }

    /// From now on nothing comes in or goes out, and nobody is told.
    pub fn fall_silent(&self) {
        self.0.silent.store(true, Ordering::SeqCst);
    }

    fn is_silent(&self) -> bool {
        self.0.silent.load(Ordering::SeqCst)
    }

    /// Whether somebody else still holds the connection.
    pub fn is_open(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

pub(crate) struct Door {
    listener: TcpListener,
    faults: Faults,
}

impl Door {
    pub async fn open(address: SocketAddr, faults: Faults) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, faults })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else { continue };
            if self.faults.is_down() {
                // Nothing to be done if the peer is gone already.
                let _ = stream.set_zero_linger();
                continue;
            }
            let _ = stream.set_nodelay(true);
            let way_out = WayOut::new();
            self.faults.remember(way_out.clone());
            return (Line { stream, way_out }, peer);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address()
    }
}

impl Connected<IncomingStream<'_, Door>> for WayOut {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().way_out.clone()
    }
}

/// One connection.
pub(crate) struct Line {
    stream: TcpStream,
    way_out: WayOut,
}

impl Line {
    fn cut_here<T>(&self) -> Poll<io::Result<T>> {
        // Zero linger makes closing a reset instead of a polite end.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.way_out.0.reader.register(cx.waker());
        if self.way_out.0.writable.load(Ordering::SeqCst) == 0 {
            return self.cut_here();
        }
        if self.way_out.is_silent() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.way_out.0.writable.load(Ordering::SeqCst);
        if allowed == 0 {
            return self.cut_here();
        }
        if self.way_out.is_silent() {
            return Poll::Pending;
        }
        let buf = &buf[..buf.len().min(usize::try_from(allowed).unwrap_or(usize::MAX))];
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        if allowed != UNLIMITED {
            self.way_out.0.writable.fetch_sub(written as u64, Ordering::SeqCst);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
