//! QR codes (ISO/IEC 18004) of a text: in a terminal, and as a label to be printed.
//!
//! Pure but for [`write_label`], which makes a new file.

use qrcode::types::QrError as EncodeError;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Light modules around a QR code on a terminal: every reader there is takes two, and four, as
/// the standard has it, need lines that a terminal of 24 has not.
const TERMINAL_MARGIN: usize = 2;

/// Light modules around a QR code on paper.
const PAPER_MARGIN: usize = 4;

/// Pixels of a module in a PNG.
const PIXELS: usize = 8;

/// Black on white of the 256-colour cube, which no colour scheme changes.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";

/// The terminal's own colours again.
const RESET: &str = "\u{1b}[0m";

/// Why there is no QR code, or no label.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QrError {
    /// More than a QR code can hold.
    #[error("{0} characters are too long for a QR code")]
    TooLong(usize),
    /// A name from which the format cannot be told.
    #[error("{}: a label's file name ends in .svg or .png", .0.display())]
    Format(PathBuf),
    /// Labels are not written over anything.
    #[error("{} is there already: choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// Disk full, no such folder, no right to write.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The label.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What is on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    /// The bench's name, for people.
    pub(crate) name: &'a str,
    /// What the QR code says: the page's address with the code, or the code.
    pub(crate) content: &'a str,
    /// The code, to be typed where there is no camera.
    pub(crate) code: &'a str,
}

/// A QR code for a terminal, in lines that end in `\n`. Two modules are one character high; 103
/// bytes take 41 columns and 21 lines.
pub(crate) fn terminal(text: &str) -> Result<String, QrError> {
    // On a clean screen size matters, damage does not; what fits at the same size is a gift.
    let smallest = modules(text, EcLevel::L, TERMINAL_MARGIN)?;
    let best = [EcLevel::H, EcLevel::Q, EcLevel::M]
        .into_iter()
        .filter_map(|level| modules(text, level, TERMINAL_MARGIN).ok())
        .find(|modules| modules.width == smallest.width);
    let modules = best.unwrap_or(smallest);
    let mut lines = String::new();
    for y in (0..modules.width).step_by(2) {
        lines.push_str(BLACK_ON_WHITE);
        lines.extend((0..modules.width).map(|x| {
            match (modules.is_dark(x, y), modules.is_dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }
        }));
        lines.push_str(RESET);
        lines.push('\n');
    }
    Ok(lines)
}

/// Writes a label to a new file that only its owner can read, since whoever sees it is let in.
/// The format goes by the name: `.svg` with name and code in words below, or `.png`, the QR code
/// alone.
pub(crate) fn write_label(path: &Path, label: &Label<'_>) -> Result<(), QrError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let bytes = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => svg(label)?.into_bytes(),
        Some("png") => png(label.content, path)?,
        _ => return Err(QrError::Format(path.to_owned())),
    };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => QrError::Exists(path.to_owned()),
        _ => QrError::Write {
            path: path.to_owned(),
            error,
        },
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .inspect_err(|_| {
            // Half a label is of no use, and would be in the way of the next try.
            let _ = std::fs::remove_file(path);
        })
        .map_err(failed)
}

/// A label as a drawing: a module is one unit, to be printed at any size.
fn svg(label: &Label<'_>) -> Result<String, QrError> {
    let modules = modules(label.content, EcLevel::Q, PAPER_MARGIN)?;
    let width = modules.width;
    let mut path = String::new();
    for y in 0..width {
        for x in (0..width).filter(|x| modules.is_dark(*x, y)) {
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    // Monospaced characters are about 0.6 times as wide as they are high.
    let columns = 26;
    let size = (width - 2 * PAPER_MARGIN) as f64 / (columns as f64 * 0.6);
    let lines = |text: &str, weight| -> Vec<(String, &str)> {
        let characters: Vec<char> = text.chars().collect();
        characters
            .chunks(columns)
            .map(|line| (escape(&String::from_iter(line)), weight))
            .collect()
    };
    let mut texts = String::new();
    let mut y = width as f64 + size;
    for (text, weight) in [lines(label.name, "bold"), lines(label.code, "normal")].concat() {
        let x = width as f64 / 2.0;
        let _ = writeln!(
            texts,
            r#"<text x="{x}" y="{y:.2}" font-weight="{weight}">{text}</text>"#
        );
        y += size * 1.3;
    }
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y:.2}" width="60mm">
<rect width="100%" height="100%" fill="#fff"/>
<path shape-rendering="crispEdges" d="{path}"/>
<g font-family="monospace" font-size="{size:.2}" text-anchor="middle">
{texts}</g>
</svg>
"##
    ))
}

/// A QR code as a picture of black and white pixels.
fn png(content: &str, path: &Path) -> Result<Vec<u8>, QrError> {
    let modules = modules(content, EcLevel::Q, PAPER_MARGIN)?;
    let side = modules.width * PIXELS;
    // One bit a pixel, white is 1; rows begin at a byte, and PIXELS are whole bytes.
    let mut pixels = vec![0xff_u8; side * side / 8];
    for (index, byte) in pixels.iter_mut().enumerate() {
        let (x, y) = (index * 8 % side, index * 8 / side);
        if modules.is_dark(x / PIXELS, y / PIXELS) {
            *byte = 0;
        }
    }
    let mut bytes = Vec::new();
    // At most 185 modules.
    let mut encoder = png::Encoder::new(&mut bytes, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .map_err(|error| QrError::Write {
            path: path.to_owned(),
            error: error.into(),
        })?;
    Ok(bytes)
}

/// The modules of a QR code with light ones around them.
struct Modules {
    colors: Vec<Color>,
    /// Modules of a side, the margin's included.
    width: usize,
    margin: usize,
}

impl Modules {
    /// Light outside, too.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let side = self.width - 2 * self.margin;
        let inside = |at: usize| at.checked_sub(self.margin).filter(|at| *at < side);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else {
            return false;
        };
        self.colors.get(y * side + x) == Some(&Color::Dark)
    }
}

fn modules(text: &str, level: EcLevel, margin: usize) -> Result<Modules, QrError> {
    let code = QrCode::with_error_correction_level(text, level)
        .map_err(|_: EncodeError| QrError::TooLong(text.chars().count()))?;
    Ok(Modules {
        width: code.width() + 2 * margin,
        colors: code.into_colors(),
        margin,
    })
}

/// A text within an XML element, without characters that XML cannot hold.
fn escape(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    visible
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    const CODE: &str = "IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA";

    fn url() -> String {
        format!("http://192.168.100.200:8080/#{CODE}")
    }

    fn label(content: &str) -> Label<'_> {
        Label {
            name: "Bench <3> & Co",
            content,
            code: CODE,
        }
    }

    /// What a reader makes of a square picture of brightnesses.
    fn scan(width: usize, height: usize, brightness: impl Fn(usize, usize) -> u8) -> String {
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, brightness);
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1, "QR codes in the picture");
        grids[0].decode().unwrap().1
    }

    /// What a reader sees on a terminal: each half of a character as a square of 4 × 4 pixels.
    fn scan_terminal(text: &str) -> String {
        let rows: Vec<Vec<char>> = text
            .lines()
            .map(|line| {
                let line = line.strip_prefix(BLACK_ON_WHITE).unwrap();
                line.strip_suffix(RESET).unwrap().chars().collect()
            })
            .collect();
        scan(rows[0].len() * 4, rows.len() * 8, |x, y| {
            let dark = match rows[y / 8][x / 4] {
                '█' => true,
                '▀' => y % 8 < 4,
                '▄' => y % 8 >= 4,
                _ => false,
            };
            if dark { 0 } else { 255 }
        })
    }

    #[test]
    fn the_page_with_a_code_fits_a_terminal_of_80_by_24_and_is_read() {
        let drawn = terminal(&url()).unwrap();
        assert_eq!(url().len(), 103);
        assert!(drawn.lines().count() <= 23);
        let columns = drawn.lines().map(|line| {
            let line = line.strip_prefix(BLACK_ON_WHITE).unwrap();
            line.strip_suffix(RESET).unwrap().chars().count()
        });
        assert!(columns.max().unwrap() <= 80);
        assert_eq!(scan_terminal(&drawn), url());
    }

    #[test]
    fn there_are_two_light_modules_around_it() {
        let drawn = terminal(&url()).unwrap();
        let lines: Vec<&str> = drawn
            .lines()
            .map(|line| line.strip_prefix(BLACK_ON_WHITE).unwrap())
            .map(|line| line.strip_suffix(RESET).unwrap())
            .collect();
        assert!(lines[0].chars().all(|c| c == ' '));
        // An odd number of modules: the last line is half of the margin and nothing.
        assert!(lines[lines.len() - 1].chars().all(|c| c == ' '));
        assert!(
            lines[lines.len() - 2]
                .chars()
                .all(|c| matches!(c, ' ' | '▀'))
        );
        for line in lines {
            assert!(line.starts_with("  ") && line.ends_with("  "), "{line}");
        }
    }

    #[test]
    fn a_text_that_no_qr_code_can_hold_is_an_error() {
        let error = terminal(&"x".repeat(3000)).unwrap_err();
        assert!(matches!(error, QrError::TooLong(3000)), "{error}");
    }

    #[test]
    fn a_printed_label_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.PNG");
        write_label(&path, &label(&url())).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut decoder = png::Decoder::new(file);
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (info.width as usize, info.height as usize);
        assert_eq!(scan(width, height, |x, y| pixels[y * width + x]), url());
    }

    #[test]
    fn a_drawn_label_has_the_qr_code_the_name_and_the_code() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.svg");
        write_label(&path, &label(&url())).unwrap();
        let drawn = std::fs::read_to_string(&path).unwrap();
        assert!(
            drawn.contains(">Bench &lt;3&gt; &amp; Co</text>"),
            "{drawn}"
        );
        let lines: Vec<&str> = drawn
            .lines()
            .filter(|line| line.contains("font-weight=\"normal\""))
            .filter_map(|line| line.split(['>', '<']).nth(2))
            .collect();
        assert_eq!(lines.concat(), CODE);

        let modules = drawn
            .split("d=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let dark: Vec<(usize, usize)> = modules
            .split('M')
            .filter_map(|module| module.strip_suffix("h1v1h-1z")?.split_once(' '))
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        let width = dark.iter().map(|(x, _)| x).max().unwrap() + 1 + PAPER_MARGIN;
        assert!(
            drawn.contains(&format!("viewBox=\"0 0 {width} ")),
            "{drawn}"
        );
        let brightness = |x, y| {
            if dark.contains(&(x / 4, y / 4)) {
                0
            } else {
                255
            }
        };
        assert_eq!(scan(width * 4, width * 4, brightness), url());
    }

    #[test]
    fn a_long_name_is_broken_over_lines() {
        let long = Label {
            name: &"long ".repeat(12),
            ..label("x")
        };
        let drawn = svg(&long).unwrap();
        assert_eq!(drawn.matches("font-weight=\"bold\"").count(), 3);
    }

    #[test]
    fn a_label_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.svg");
        write_label(&path, &label("x")).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.svg");
        std::fs::write(&path, "mine").unwrap();
        let error = write_label(&path, &label("x")).unwrap_err();
        assert!(error.to_string().contains("is there already"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_file_of_unknown_format_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bench.pdf", "bench", ".svg"] {
            let path = folder.path().join(name);
            let error = write_label(&path, &label("x")).unwrap_err();
            assert!(error.to_string().contains(".svg or .png"), "{error}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nowhere/bench.png");
        let error = write_label(&path, &label("x")).unwrap_err();
        assert!(matches!(error, QrError::Write { .. }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn every_text_is_read_as_it_was_drawn(text in "[ -~]{1,300}") {
            prop_assert_eq!(scan_terminal(&terminal(&text).unwrap()), text);
        }
    }
}
