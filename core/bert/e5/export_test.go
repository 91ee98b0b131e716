package e5

// For tests outside the package.
var (
	ToHalf   = toHalf
	FromHalf = fromHalf
)
