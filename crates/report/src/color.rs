use std::fmt;

/// A colour by its red, green and blue parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Black on white paper, light on a dark page.
    pub const BLACK: Color = Color(0x22, 0x22, 0x22);
    /// Gray, for what stands back.
    pub const GRAY: Color = Color(0x88, 0x88, 0x88);
    /// The first colour of series.
    pub const BLUE: Color = Color(0x1f, 0x77, 0xb4);
    /// The second colour of series.
    pub const RED: Color = Color(0xd6, 0x27, 0x28);
    /// The third colour of series.
    pub const GREEN: Color = Color(0x2c, 0xa0, 0x2c);
    /// The fourth colour of series.
    pub const PURPLE: Color = Color(0x94, 0x67, 0xbd);
    /// The fifth colour of series.
    pub const ORANGE: Color = Color(0xff, 0x7f, 0x0e);

    /// The colour of the nth series that was given none; they repeat after seven.
    pub fn nth(n: usize) -> Color {
        const ALL: [Color; 7] = [
            Color::BLUE,
            Color::RED,
            Color::GREEN,
            Color::PURPLE,
            Color::ORANGE,
            Color(0x17, 0xa2, 0xb8),
            Color(0x8c, 0x56, 0x4b),
        ];
        ALL[n % ALL.len()]
    }

    /// One of `count` colours around the wheel, all about as strong.
    pub fn wheel(n: usize, count: usize) -> Color {
        let sixth = 6.0 * (n % count.max(1)) as f64 / count.max(1) as f64;
        let part = |shift: f64| {
            let distance = ((sixth + shift) % 6.0 - 3.0).abs() - 1.0;
            (30.0 + 160.0 * distance.clamp(0.0, 1.0)) as u8
        };
        Color(part(0.0), part(4.0), part(2.0))
    }

    /// From white at 0 to this colour at 1.
    pub(crate) fn shade(self, share: f64) -> Color {
        let part = |full: u8| (255.0 + (f64::from(full) - 255.0) * share.clamp(0.0, 1.0)).round() as u8;
        Color(part(self.0), part(self.1), part(self.2))
    }

    /// Whether white letters are easier to read on it than black ones.
    pub(crate) fn is_dark(self) -> bool {
        0.299 * f64::from(self.0) + 0.587 * f64::from(self.1) + 0.114 * f64::from(self.2) < 140.0
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}
