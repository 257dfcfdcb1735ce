// Package inspect explains MLS bytes to people. Call Decode for text such as base64, Inspect for a Report, and WriteText
// or a JSON encoder to show it. Diff compares two GroupInfos or ratchet trees.
//
//	data, _, err := inspect.Decode(input, inspect.Guess)
//	report, err := inspect.Inspect(data, inspect.Params{Now: time.Now()})
//	err = report.WriteText(os.Stdout, inspect.TextParams{})
//
// The package has no decoders of its own: Bodies.Dissect of package framing lists what the engine's decoders read. Inspect
// adds names for code points, section numbers, and whatever can be checked or computed from the bytes alone.
package inspect
