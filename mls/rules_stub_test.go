package mls_test

func treeRules() []ruleTest       { return nil }
func commitRules() []ruleTest     { return nil }
func welcomeRules() []ruleTest    { return nil }
func externalRules() []ruleTest   { return nil }
func pskRules() []ruleTest        { return nil }
func successorRules() []ruleTest  { return nil }
func keyRules() []ruleTest        { return nil }
func credentialRules() []ruleTest { return nil }
