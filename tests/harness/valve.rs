//! A connection that stops in the middle: what is behind it goes on, and whoever reads through it waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Lets some bytes of answers by, and the rest once it is opened. Gone when dropped.
pub struct Valve {
    address: SocketAddr,
    state: watch::Sender<State>,
    passing: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    is_open: bool,
    /// Connections that have more than may pass.
    held: usize,
}

/// How many bytes may pass before it is opened.
#[derive(Clone, Copy)]
pub enum Bytes {
    OfAll(usize),
    OfEachConnection(usize),
}

impl Valve {
    /// `to` is the URL of what is behind it.
    pub async fn start(to: &str, bytes: Bytes) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let to = to.trim_start_matches("http://").to_owned();
        let (state, _) = watch::channel(State::default());
        let sender = state.clone();
        let (Bytes::OfAll(all) | Bytes::OfEachConnection(all)) = bytes;
        let shared = Arc::new(AtomicUsize::new(all));
        let passing = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever breaks off at either end has broken off at both.
                let Ok(behind) = TcpStream::connect(&to).await else { continue };
                let ((mut asked, answers), (given, mut asking)) = (stream.into_split(), behind.into_split());
                let left = match bytes {
                    Bytes::OfAll(_) => Arc::clone(&shared),
                    Bytes::OfEachConnection(bytes) => Arc::new(AtomicUsize::new(bytes)),
                };
                tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asking).await });
                tokio::spawn(pass(given, answers, left, sender.clone()));
            }
        });
        Ok(Self { address, state, passing })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until so many connections stand still.
    pub async fn holds(&self, connections: usize) -> anyhow::Result<()> {
        self.state.subscribe().wait_for(|state| state.held >= connections).await?;
        Ok(())
    }

    pub fn open(&self) {
        self.state.send_modify(|state| state.is_open = true);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: Arc<AtomicUsize>,
    state: watch::Sender<State>,
) -> anyhow::Result<()> {
    let (mut bytes, mut opened) = (vec![0; 16 << 10], state.subscribe());
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        if left.load(Relaxed) == 0 && !opened.borrow().is_open {
            state.send_modify(|state| state.held += 1);
            opened.wait_for(|state| state.is_open).await?;
        }
        let _ = left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(read)));
        to.write_all(&bytes[..read]).await?;
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
