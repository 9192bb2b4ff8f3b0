//! Records the version and commit for the plugin's description.
fn main() {
    gst_plugin_version_helper::info();
}
