//! The profiles that the plugin brings along.

/// Name and text of each.
pub(super) const BUNDLED: [(&str, &str); 7] = [
    ("geiger", include_str!("../../../profiles/geiger.json")),
    (
        "kenwood-v71",
        include_str!("../../../profiles/kenwood-v71.json"),
    ),
    ("kx3", include_str!("../../../profiles/kx3.json")),
    (
        "modbus-rtu",
        include_str!("../../../profiles/modbus-rtu.json"),
    ),
    ("nmea-gps", include_str!("../../../profiles/nmea-gps.json")),
    (
        "scpi-multimeter",
        include_str!("../../../profiles/scpi-multimeter.json"),
    ),
    ("terminal", include_str!("../../../profiles/terminal.json")),
];
