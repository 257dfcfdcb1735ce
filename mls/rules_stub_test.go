package mls_test

func welcomeRules() []ruleTest   { return nil }
func pskRules() []ruleTest       { return nil }
func successorRules() []ruleTest { return nil }
func keyRules() []ruleTest       { return nil }
