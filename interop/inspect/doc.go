// Package inspect explains MLS bytes to people. Call Decode to turn what somebody pasted into bytes, Inspect to read
// them, and WriteText or a JSON encoder to show the Report. Diff compares two GroupInfos or ratchet trees.
//
// The package has no grammar of its own: framing.Dissect lets the engine's decoders tell what they read. What is added
// here are names for code points, section numbers, and whatever can be checked or computed from the bytes alone.
package inspect
