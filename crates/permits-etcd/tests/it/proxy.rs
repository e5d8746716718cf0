//! A link that can be cut and delayed, that loses answers and keeps requests back: a proxy of TCP
//! connections, between one client and one server.

use crate::frames::{Frame, Frames};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a wait for a server may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Link {
    is_cut: bool,
    /// What comes from the server arrives later by this.
    delay: Duration,
    trap: Option<Trap>,
    /// How many answers were lost.
    lost: u32,
    held: Option<Held>,
    is_over: bool,
}

/// What becomes of the next writes that have a text in one of their keys or values.
enum Trap {
    /// They reach the server, and their answers are lost with the connection.
    Lose { part: String, left: u32 },
    /// The next one is kept back, and with it all that the client sends on that connection.
    Hold { part: String },
}

/// A request that was kept back.
struct Held {
    /// Those of its stream.
    frames: Vec<Frame>,
    stream: u32,
    server: Sender<(Instant, Vec<u8>)>,
    is_answered: bool,
}

/// What the two directions of one connection have to know of each other.
#[derive(Default)]
struct Doom {
    /// The answer on this stream is lost.
    lost: Option<u32>,
    /// The request on this stream is kept back.
    held: Option<u32>,
}

type Shared = Arc<(Mutex<Link>, Condvar)>;

/// Listens on a port of its own until it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    link: Shared,
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
                connect(&client, &server, &shared);
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

    /// The next `count` writes that have `part` in a key or a value take effect, and their answers are lost.
    pub(crate) fn lose_answers(&self, part: &str, count: u32) {
        locked(&self.link).trap = Some(Trap::Lose { part: part.to_owned(), left: count });
    }

    /// How many answers were lost so far.
    pub(crate) fn lost(&self) -> u32 {
        locked(&self.link).lost
    }

    /// Keeps the next write back that has `part` in a key or a value.
    pub(crate) fn hold(&self, part: &str) {
        locked(&self.link).trap = Some(Trap::Hold { part: part.to_owned() });
    }

    /// Waits until a write is kept back.
    #[track_caller]
    pub(crate) fn is_holding(&self) {
        self.until("a write was kept back", |link| link.held.is_some());
    }

    /// Has the server get what was kept back, and waits for its answer, which nobody gets.
    #[track_caller]
    pub(crate) fn deliver(&self) {
        let mut link = locked(&self.link);
        let held = link.held.as_mut().expect("a write was kept back");
        for frame in held.frames.drain(..) {
            held.server.send((Instant::now(), frame.bytes)).expect("the connection to the server is kept");
        }
        drop(link);
        self.until("the server has answered what was kept back", |link| {
            link.held.as_ref().is_some_and(|held| held.is_answered)
        });
        locked(&self.link).held = None;
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&Link) -> bool) {
        let (link, outcome) = self
            .link
            .1
            .wait_timeout_while(locked(&self.link), PATIENCE, |link| !holds(link))
            .unwrap_or_else(PoisonError::into_inner);
        drop(link);
        assert!(!outcome.timed_out(), "not so after {PATIENCE:?}: {what}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut link = locked(&self.link);
        link.is_over = true;
        link.held = None;
        drop(link);
        self.link.1.notify_all();
        // Its listener looks.
        drop(TcpStream::connect(self.address));
    }
}

fn locked(link: &(Mutex<Link>, Condvar)) -> MutexGuard<'_, Link> {
    link.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One direction of one connection.
struct Way {
    from: TcpStream,
    to: Sender<(Instant, Vec<u8>)>,
    /// Both ends, to be closed.
    ends: [TcpStream; 2],
    link: Shared,
    doom: Arc<Mutex<Doom>>,
    is_answer: bool,
}

fn connect(client: &TcpStream, server: &TcpStream, link: &Shared) {
    let doom = Arc::new(Mutex::new(Doom::default()));
    for (from, to, is_answer) in [(client, server, false), (server, client, true)] {
        _ = from.set_nodelay(true);
        // So that each direction sees the end of the proxy.
        _ = from.set_read_timeout(Some(Duration::from_millis(200)));
        let streams = (from.try_clone(), to.try_clone(), client.try_clone(), server.try_clone());
        let (Ok(from), Ok(out), Ok(client), Ok(server)) = streams else { return };
        let (to, bytes) = channel();
        let (shared, doom) = (Arc::clone(link), Arc::clone(&doom));
        let mut way = Way { from, to, ends: [client, server], link: Arc::clone(link), doom, is_answer };
        thread::spawn(move || write(out, bytes, &shared));
        thread::spawn(move || way.pass());
    }
}

/// What is delayed arrives in the order in which it was sent.
fn write(mut out: TcpStream, bytes: Receiver<(Instant, Vec<u8>)>, link: &Shared) {
    for (due, bytes) in bytes {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut state = locked(link);
        while state.is_cut && !state.is_over {
            state = link.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        if out.write_all(&bytes).is_err() {
            break;
        }
    }
    _ = out.shutdown(Shutdown::Write);
}

impl Way {
    fn pass(&mut self) {
        let mut frames = Frames::new(!self.is_answer);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => frames.add(&buffer[..count]),
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if locked(&self.link).is_over {
                        break;
                    }
                }
                Err(_) => break,
            }
            if let Some(preface) = frames.preface()
                && !self.send(preface)
            {
                break;
            }
            while let Some(frame) = frames.next() {
                let passed = if self.is_answer { self.answer(frame) } else { self.request(frame) };
                if !passed {
                    return;
                }
            }
        }
    }

    fn send(&self, bytes: Vec<u8>) -> bool {
        let delay = if self.is_answer { locked(&self.link).delay } else { Duration::ZERO };
        // Of a client that is gone the proxy still hears what it is answered.
        self.to.send((Instant::now() + delay, bytes)).is_ok() || self.is_answer
    }

    /// Whether the connection goes on.
    fn request(&self, frame: Frame) -> bool {
        let mut doom = self.doom.lock().unwrap_or_else(PoisonError::into_inner);
        let mut link = locked(&self.link);
        if let Some(stream) = doom.held {
            // What a client sends when it has lost patience is not for the server.
            if let Some(held) = link.held.as_mut().filter(|_| frame.is_data() && frame.stream() == stream) {
                held.frames.push(frame);
            }
            return true;
        }
        match &mut link.trap {
            Some(Trap::Lose { part, left }) if *left > 0 && doom.lost.is_none() && frame.is_write_of(part) => {
                *left -= 1;
                doom.lost = Some(frame.stream());
            }
            Some(Trap::Hold { part }) if frame.is_write_of(part) => {
                let stream = frame.stream();
                doom.held = Some(stream);
                let server = self.to.clone();
                link.held = Some(Held { frames: vec![frame], stream, server, is_answered: false });
                link.trap = None;
                self.link.1.notify_all();
                return true;
            }
            _ => {}
        }
        drop(link);
        self.send(frame.bytes)
    }

    /// Whether the connection goes on.
    fn answer(&self, frame: Frame) -> bool {
        let doom = self.doom.lock().unwrap_or_else(PoisonError::into_inner);
        if doom.lost == Some(frame.stream()) {
            locked(&self.link).lost += 1;
            self.link.1.notify_all();
            for end in &self.ends {
                _ = end.shutdown(Shutdown::Both);
            }
            return false;
        }
        if doom.held == Some(frame.stream()) {
            if let Some(held) = &mut locked(&self.link).held
                && held.stream == frame.stream()
            {
                held.is_answered = true;
            }
            self.link.1.notify_all();
            return true;
        }
        drop(doom);
        self.send(frame.bytes)
    }
}
