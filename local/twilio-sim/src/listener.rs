//! The listening socket. A handler can break the connection instead of responding, and the fault plan can refuse connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// The most connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// The pause between two attempts to bind the address again.
const REBIND_PAUSE: Duration = Duration::from_millis(10);

/// Lets a handler break the connection of its request.
#[derive(Clone, Debug, Default)]
pub struct ConnectionHandle(Arc<Broken>);

#[derive(Debug, Default)]
struct Broken {
    reset: AtomicBool,
    closed: AtomicBool,
}

impl ConnectionHandle {
    /// Resets the connection when the response would be sent.
    pub fn reset(&self) {
        self.0.reset.store(true, Ordering::SeqCst);
    }

    /// Closes the connection when the response would be sent.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
    }

    /// Returns true if no response will be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_reset() || self.0.closed.load(Ordering::SeqCst)
    }

    fn is_reset(&self) -> bool {
        self.0.reset.load(Ordering::SeqCst)
    }
}

/// Accepts connections, and gives each a [`ConnectionHandle`]. During an outage it refuses them.
#[derive(Debug)]
pub struct ResettableListener {
    listener: Option<TcpListener>,
    address: SocketAddr,
    outage: watch::Receiver<Option<Instant>>,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    handle: ConnectionHandle,
}

impl Listener for ResettableListener {
    type Io = Connection;
    type Addr = ConnectionHandle;

    async fn accept(&mut self) -> (Connection, ConnectionHandle) {
        let stream = self.next_stream().await;
        // Without this, a small response waits for an acknowledgement. An error only makes it slower.
        let _ = stream.set_nodelay(true);
        let handle = ConnectionHandle::default();
        (
            Connection {
                stream,
                handle: handle.clone(),
            },
            handle,
        )
    }

    fn local_addr(&self) -> io::Result<ConnectionHandle> {
        Ok(ConnectionHandle::default())
    }
}

impl ResettableListener {
    /// Accepts connections of `listener`, which listens on `address`, outside the outages.
    #[must_use]
    pub fn new(
        listener: TcpListener,
        address: SocketAddr,
        outage: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self {
            listener: Some(listener),
            address,
            outage,
        }
    }

    async fn next_stream(&mut self) -> TcpStream {
        loop {
            let until = *self.outage.borrow_and_update();
            if let Some(until) = until.filter(|until| Instant::now() < *until) {
                self.refuse(until).await;
                continue;
            }
            let Some(listener) = &mut self.listener else {
                self.listener = self.hold().await.listen(BACKLOG).ok();
                continue;
            };
            tokio::select! {
                (stream, _) = <TcpListener as Listener>::accept(listener) => return stream,
                Ok(()) = self.outage.changed() => {}
            }
        }
    }

    /// Refuses connections until this time or a change of the plan, and keeps the port from other programs.
    async fn refuse(&mut self, until: Instant) {
        self.listener = None;
        // The kernel refuses connections to a socket that is bound but doesn't listen.
        let held = self.hold().await;
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            Ok(()) = self.outage.changed() => {}
        }
        self.listener = held.listen(BACKLOG).ok();
    }

    /// Binds a socket to the address, and retries until it is free.
    async fn hold(&self) -> TcpSocket {
        let bind = || {
            let socket = match self.address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            io::Result::Ok(socket)
        };
        loop {
            match bind() {
                Ok(socket) => return socket,
                Err(_) => tokio::time::sleep(REBIND_PAUSE).await,
            }
        }
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.handle.is_reset() {
            // With a linger time of zero, dropping the socket sends a reset.
            self.stream.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.handle.is_broken() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
