package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/copse-mls/copse/interop/inspect"
)

func diffCommand() *cobra.Command {
	var full, asJSON bool
	cmd := &cobra.Command{
		Use:   "diff FILE FILE",
		Short: "Compare two GroupInfos or ratchet trees",
		Long: `diff shows what changed in a group between two GroupInfos (as MLSMessage or bare), group contexts or ratchet
trees: which members joined, left or changed and in what, which nodes of the tree differ, and what
changed in the group context. One of the files may be - for the standard input. Files are hexadecimal,
base64 or raw.

A leaf whose signature key and credential both differ is a member that left and another that joined in
its place; one that keeps either of them is the same member, changed.

Exit status: 0 when there is no difference, 1 when there is one, 2 when the command could not do its work.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && args[1] == "-" {
				return errors.New("only one of the two can be the standard input")
			}
			var sides [2]*inspect.Side
			for i, name := range args {
				input, err := readInput(cmd.InOrStdin(), name)
				if err != nil {
					return err
				}
				data, _, err := inspect.Decode(input, inspect.Guess)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if sides[i], err = inspect.NewSide(data); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return showChanges(cmd, inspect.Diff(sides[0], sides[1]), full, asJSON)
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "show values in full length")
	cmd.Flags().BoolVar(&asJSON, "json", false, "report as JSON")
	return cmd
}

func showChanges(cmd *cobra.Command, c *inspect.Changes, full, asJSON bool) error {
	var err error
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), c)
	} else {
		err = c.WriteText(cmd.OutOrStdout(), inspect.TextParams{Full: full})
	}
	if err == nil && c.Any() {
		return errFailed
	}
	return err
}
