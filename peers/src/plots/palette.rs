//! Few colours, each with two forms: on a light page and on a dark one.
//!
//! A picture is drawn in the light form. A style sheet in it names every colour by its light value and gives
//! the dark one, for readers whose system asks for it; the picture brings its own background in both.

use std::fmt::Write;

use plotters::style::RGBColor;

/// One colour, on a light page and on a dark one.
#[derive(Clone, Copy)]
pub struct Tone {
    light: u32,
    dark: u32,
}

impl Tone {
    /// As it is drawn.
    pub fn rgb(self) -> RGBColor {
        let [_, red, green, blue] = self.light.to_be_bytes();
        RGBColor(red, green, blue)
    }
}

/// No two have one light value: the style sheet tells them apart by it.
pub const PAGE: Tone = Tone { light: 0xFFFFFF, dark: 0x0D1117 };
pub const INK: Tone = Tone { light: 0x24292F, dark: 0xE6EDF3 };
/// Lines of the grid, and those that lead to a label.
pub const GRID: Tone = Tone { light: 0xDEE2E6, dark: 0x30363D };
/// Lines of peers that are not named below; their labels are darker, as they are thin.
pub const OTHER: Tone = Tone { light: 0x9AA1A9, dark: 0x7D858E };
pub const OTHER_LABEL: Tone = Tone { light: 0x59626B, dark: 0xA9B1BA };
const OURS: Tone = Tone { light: 0xC8102E, dark: 0xFF7B72 };
const OURS_FAIR: Tone = Tone { light: 0xB35900, dark: 0xF0A33A };
const BLUE: Tone = Tone { light: 0x0B5CAD, dark: 0x6CB6FF };
const GREEN: Tone = Tone { light: 0x1A7F37, dark: 0x4AC26B };
const PURPLE: Tone = Tone { light: 0x7B3FB5, dark: 0xC69BFF };

const ALL: [Tone; 10] = [PAGE, INK, GRID, OTHER, OTHER_LABEL, OURS, OURS_FAIR, BLUE, GREEN, PURPLE];

/// Ours stand out, and the peers that most readers know or that come closest have a colour of their own, the same in
/// every picture. All others share a grey and are told apart by their marks.
pub fn tone(peer: &str) -> Tone {
    match peer {
        "tokio" | "tokio mpsc" | "std sync_channel" | "System V" | "threading.Semaphore" | "asyncio.Semaphore" => BLUE,
        "java" | "java-fair" | "Go concurrency.Mutex" | "etcdctl lock" | "flume" | "flock" | "aiologic.Semaphore" => {
            GREEN
        }
        "futures-intrusive" | "futures-intrusive-fair x2" | "System V undo" | "anyio.Semaphore" => PURPLE,
        // The panels by the bound, where every series is ours.
        "8 threads, 1 permit" => OURS,
        "8 threads, 2 permits" => BLUE,
        "32 threads, 1 permit" => GREEN,
        _ if !is_ours(peer) => OTHER,
        _ if peer.starts_with("permits-fair") || peer == "permits-host loose" => OURS_FAIR,
        _ => OURS,
    }
}

/// The pair of ours in place of one is a peer of the one.
pub fn is_ours(peer: &str) -> bool {
    peer.starts_with("permits") && !peer.ends_with(" x2")
}

/// What no semaphore can go below.
pub fn is_floor(peer: &str) -> bool {
    peer.starts_with("floor")
}

/// The dark forms, for the head of a picture.
pub fn style_sheet() -> String {
    let mut sheet = String::from("<style>@media (prefers-color-scheme: dark) {\n");
    for Tone { light, dark } in ALL {
        writeln!(
            sheet,
            "[fill=\"#{light:06X}\"] {{ fill: #{dark:06X} }} [stroke=\"#{light:06X}\"] {{ stroke: #{dark:06X} }}"
        )
        .expect("a string takes all");
    }
    sheet + "}</style>\n"
}
