//! A link that can be cut and delayed: a proxy of TCP connections, between one client and one server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Link {
    is_cut: bool,
    /// What comes from the server arrives later by this.
    delay: Duration,
    is_over: bool,
}

/// Listens on a port of its own until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Arc<(Mutex<Link>, Condvar)>,
}

impl Proxy {
    pub(crate) fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are free ports");
        let address = listener.local_addr().expect("it is bound");
        let link = Arc::new((Mutex::new(Link::default()), Condvar::new()));
        let shared = Arc::clone(&link);
        thread::spawn(move || {
            for client in listener.incoming() {
                if locked(&shared).is_over {
                    break;
                }
                // A server that is gone refuses its connections.
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { continue };
                connect(client, server, &shared);
            }
        });
        Proxy { address, link }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nothing passes any more, in either direction, and nobody is told.
    pub(crate) fn cut(&self) {
        locked(&self.link).is_cut = true;
    }

    /// All passes again, what was sent in between first.
    pub(crate) fn heal(&self) {
        locked(&self.link).is_cut = false;
        self.link.1.notify_all();
    }

    pub(crate) fn delay(&self, time: Duration) {
        locked(&self.link).delay = time;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        locked(&self.link).is_over = true;
        self.link.1.notify_all();
        // Its listener looks.
        drop(TcpStream::connect(self.address));
    }
}

fn locked(link: &(Mutex<Link>, Condvar)) -> MutexGuard<'_, Link> {
    link.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(client: TcpStream, server: TcpStream, link: &Arc<(Mutex<Link>, Condvar)>) {
    for stream in [&client, &server] {
        _ = stream.set_nodelay(true);
        // So that each direction sees the end of the proxy.
        _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    }
    let ends = [(client.try_clone(), server.try_clone(), false), (Ok(server), Ok(client), true)];
    for (from, to, is_answer) in ends {
        let (Ok(from), Ok(to)) = (from, to) else { return };
        let link = Arc::clone(link);
        thread::spawn(move || pass(from, to, &link, is_answer));
    }
}

/// Passes one direction on. What is delayed arrives in the order in which it was sent.
fn pass(mut from: TcpStream, to: TcpStream, link: &Arc<(Mutex<Link>, Condvar)>, is_answer: bool) {
    let (send, receive) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
    let (mut out, shared) = (to, Arc::clone(link));
    let writer = thread::spawn(move || {
        for (due, bytes) in receive {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut state = locked(&shared);
            while state.is_cut && !state.is_over {
                state = shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            drop(state);
            if out.write_all(&bytes).is_err() {
                break;
            }
        }
        _ = out.shutdown(std::net::Shutdown::Write);
    });
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let delay = if is_answer { locked(link).delay } else { Duration::ZERO };
                if send.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                    break;
                }
            }
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if locked(link).is_over {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    drop(send);
    _ = writer.join();
}
