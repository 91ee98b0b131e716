//go:build x11

package main

import "os"

// shaderCaches are the variables by which the libraries of OpenGL (Mesa's, by its two names, and NVIDIA's) are told to keep compiled shaders in no folder
// of the person's: nothing is written outside of the data folder. The toolkit's few shaders are compiled anew at each start, in some milliseconds.
var shaderCaches = map[string]string{"MESA_SHADER_CACHE_DISABLE": "true", "MESA_GLSL_CACHE_DISABLE": "true", "__GL_SHADER_DISK_CACHE": "0"}

// keepNoShaders sets them; it comes before the first use of the display.
func keepNoShaders() {
	for name, value := range shaderCaches {
		_ = os.Setenv(name, value) // names and values without NUL and "="
	}
}
