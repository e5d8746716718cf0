//! What passes on a connection of gRPC, as far as the proxy has to know: frames of HTTP/2, and which of them
//! carries a write.

/// A frame of HTTP/2, with its header.
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
}

/// The length of a frame's header.
const HEADER: usize = 9;

/// What a client sends before its first frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Frame {
    pub(crate) fn stream(&self) -> u32 {
        u32::from_be_bytes([self.bytes[5], self.bytes[6], self.bytes[7], self.bytes[8]]) & 0x7fff_ffff
    }

    pub(crate) fn is_data(&self) -> bool {
        self.bytes[3] == 0
    }

    /// Whether it carries a write to etcd in which a key or a value has that text.
    pub(crate) fn is_write_of(&self, part: &str) -> bool {
        // After the header, the length of the message.
        self.is_data()
            && self.bytes.get(HEADER + 5..).is_some_and(|message| {
                is_write(message) && message.windows(part.len()).any(|window| window == part.as_bytes())
            })
    }
}

/// A transaction begins with a comparison, or with an act if it compares nothing. The other messages begin with a
/// key, which begins with a slash, or with a message in a message. One that has nothing but a key deletes it, or
/// reads the configuration.
fn is_write(message: &[u8]) -> bool {
    match message {
        [0x12, ..] => true,
        [0x0a, rest @ ..] => {
            let digits = rest.iter().take_while(|byte| **byte >= 0x80).count() + 1;
            let length = rest.iter().take(digits).rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
            match rest.get(digits) {
                Some(b'/') => rest.len() == digits + length,
                Some(0x0a) | None => false,
                Some(_) => true,
            }
        }
        _ => false,
    }
}

/// Cuts bytes into frames.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    preface: usize,
}

impl Frames {
    pub(crate) fn new(is_of_client: bool) -> Frames {
        Frames { bytes: Vec::new(), preface: if is_of_client { PREFACE.len() } else { 0 } }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The preface, once it is whole.
    pub(crate) fn preface(&mut self) -> Option<Vec<u8>> {
        (self.preface > 0 && self.bytes.len() >= self.preface)
            .then(|| self.bytes.drain(..std::mem::take(&mut self.preface)).collect())
    }

    pub(crate) fn next(&mut self) -> Option<Frame> {
        let length = u32::from_be_bytes([0, *self.bytes.first()?, *self.bytes.get(1)?, *self.bytes.get(2)?]);
        let whole = HEADER + length as usize;
        (self.preface == 0 && self.bytes.len() >= whole).then(|| Frame { bytes: self.bytes.drain(..whole).collect() })
    }
}
