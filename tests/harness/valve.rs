//! A connection that stops in the middle: what is behind it goes on, and whoever reads through it waits.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Lets so many bytes of answers by, and the rest once it is opened. Gone when dropped.
pub struct Valve {
    address: SocketAddr,
    left: watch::Sender<usize>,
    passing: JoinHandle<()>,
}

impl Valve {
    /// `to` is the URL of what is behind it.
    pub async fn start(to: &str, bytes: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let to = to.trim_start_matches("http://").to_owned();
        let (left, _) = watch::channel(bytes);
        let sender = left.clone();
        let passing = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever breaks off at either end has broken off at both.
                let Ok(behind) = TcpStream::connect(&to).await else { continue };
                let ((mut asked, answers), (given, mut asking)) = (stream.into_split(), behind.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut asked, &mut asking).await });
                tokio::spawn(pass(given, answers, sender.clone()));
            }
        });
        Ok(Self { address, left, passing })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn open(&self) {
        self.left.send_replace(usize::MAX);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: watch::Sender<usize>,
) -> anyhow::Result<()> {
    let (mut bytes, mut open) = (vec![0; 16 << 10], left.subscribe());
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        open.wait_for(|left| *left > 0).await?;
        left.send_modify(|left| *left = left.saturating_sub(read));
        to.write_all(&bytes[..read]).await?;
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.passing.abort();
    }
}
