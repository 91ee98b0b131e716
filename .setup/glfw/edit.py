"""Changes a copy of GLFW's Go module for Japanese input, long drops, quick clicks and passphrases: edit.py FOLDER. Every place must be found exactly once."""
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def replace(name, old, new):
    path = folder / name
    text = path.read_text()
    if text.count(old) != 1:
        sys.exit(f"{name}: the place to change was found {text.count(old)} times, not once. "
                 "This is another version of GLFW; see .setup/glfw/edit.py.")
    path.write_text(text.replace(old, new))


# 1. A key that the input method consumed is not the application's: only unfiltered presses count, and only they
# take the time stamp that drops duplicates.
replace("glfw/src/x11_window.c",
        """                    if (keycode)
                        _glfwInputKey(window, key, keycode, GLFW_PRESS, mods);

                    window->x11.keyPressTimes[keycode] = event->xkey.time;
""",
        """                    // Changed by Kakoi: not the keys that the input method consumed
                    if (keycode && !filtered)
                        _glfwInputKey(window, key, keycode, GLFW_PRESS, mods);

                    if (!filtered)
                        window->x11.keyPressTimes[keycode] = event->xkey.time;
""")

# 2. The input method is asked to compose at the caret where it can.
replace("glfw/src/x11_window.c",
        """    window->x11.ic = XCreateIC(_glfw.x11.im,
                               XNInputStyle,
                               XIMPreeditNothing | XIMStatusNothing,
                               XNClientWindow,
                               window->x11.handle,
                               XNFocusWindow,
                               window->x11.handle,
                               XNDestroyCallback,
                               &callback,
                               NULL);

    if (window->x11.ic)
""",
        """    // Changed by Kakoi: at the caret where the input method can
    window->x11.ic = kakoiCreateContext(window, &callback);
    if (!window->x11.ic)
        window->x11.ic = XCreateIC(_glfw.x11.im,
                                   XNInputStyle,
                                   XIMPreeditNothing | XIMStatusNothing,
                                   XNClientWindow,
                                   window->x11.handle,
                                   XNFocusWindow,
                                   window->x11.handle,
                                   XNDestroyCallback,
                                   &callback,
                                   NULL);

    if (window->x11.ic)
""")

# 3. The application may open the input method later than GLFW's start, when it knows that it answers.
replace("glfw/src/x11_init.c",
        """    if (XSupportsLocale() && _glfw.x11.xlib.utf8)
    {
        XSetLocaleModifiers("");
""",
        """    // Changed by Kakoi: kakoiOpenInput does it later where the application says so
    if (!kakoiInputLater && XSupportsLocale() && _glfw.x11.xlib.utf8)
    {
        XSetLocaleModifiers("");
""")

# 4. Long lists of dropped files come in pieces, and not all that is dropped is a file of this computer.
replace("glfw/src/x11_window.c",
        """// Translates an X event modifier state mask
""",
        """// Changed by Kakoi: see there
#include "kakoi_drop.c"

// Translates an X event modifier state mask
""")
replace("glfw/src/x11_window.c",
        """                char* data;
                const unsigned long result =
                    _glfwGetWindowPropertyX11(event->xselection.requestor,
                                              event->xselection.property,
                                              event->xselection.target,
                                              (unsigned char**) &data);

                if (result)
                {
                    int count;
                    char** paths = _glfwParseUriList(data, &count);

                    _glfwInputDrop(window, count, (const char**) paths);

                    for (int i = 0;  i < count;  i++)
                        _glfw_free(paths[i]);
                    _glfw_free(paths);
                }

                if (data)
                    XFree(data);
""",
        """                // Changed by Kakoi: also in pieces
                const GLFWbool result = kakoiTakeDrop(window, event);
""")

# 5. How long the display's drawing took can be asked (KAKOI_PROBE).
replace("glfw/src/glx_context.c",
        """    glXSwapBuffers(_glfw.x11.display, window->context.glx.window);
""",
        """    // Changed by Kakoi: counted
    const uint64_t begun = _glfwPlatformGetTimerValue();
    glXSwapBuffers(_glfw.x11.display, window->context.glx.window);
    kakoiSwapping += _glfwPlatformGetTimerValue() - begun;
""")
replace("glfw/src/glx_context.c",
        """static void swapBuffersGLX(_GLFWwindow* window)
""",
        """// By Kakoi: timer ticks within glXSwapBuffers, and the same in nanoseconds
static uint64_t kakoiSwapping;
unsigned long long kakoiSwapNanos(void)
{
    const uint64_t second = _glfwPlatformGetTimerFrequency();
    return second ? kakoiSwapping * (1000000000 / second) : 0;
}

static void swapBuffersGLX(_GLFWwindow* window)
""")
# 5. Fyne takes a movement of the pointer at the end of a frame, but a click at once, where the pointer was before: a quick click that
# follows a movement within one frame would be lost. It waits for the next frame.
replace("glfw/src/x11_window.c",
        """    while (QLength(_glfw.x11.display))
    {
        XEvent event;
        XNextEvent(_glfw.x11.display, &event);
        processEvent(&event);
    }

    _GLFWwindow* window = _glfw.x11.disabledCursorWindow;
""",
        """    // Changed by Kakoi: a click after a movement is for the next time
    GLFWbool moved = GLFW_FALSE;
    while (QLength(_glfw.x11.display))
    {
        XEvent event;
        XNextEvent(_glfw.x11.display, &event);
        if (moved && (event.type == ButtonPress || event.type == ButtonRelease))
        {
            // libX11 is loaded, not linked: the command line runs where there is none
            int (* putBack)(Display*, XEvent*) = (int (*)(Display*, XEvent*))
                _glfwPlatformGetModuleSymbol(_glfw.x11.xlib.handle, "XPutBackEvent");
            if (putBack)
            {
                putBack(_glfw.x11.display, &event);
                break;
            }
        }
        moved = moved || event.type == MotionNotify || event.type == EnterNotify;
        processEvent(&event);
    }

    _GLFWwindow* window = _glfw.x11.disabledCursorWindow;
""")

# 6. A passphrase goes past the input method, and the application may ask how long nobody was there (kakoi_keys.c).
replace("glfw/src/x11_window.c",
        """    filtered = XFilterEvent(event, None);
""",
        """    // Changed by Kakoi: keys of a passphrase are not for the input method
    kakoiSeen(event);
    filtered = !kakoiPast(event) && XFilterEvent(event, None);
""")
replace("glfw/src/x11_window.c",
        """            const int plain = !(mods & (GLFW_MOD_CONTROL | GLFW_MOD_ALT));

            if (window->x11.ic)
            {
                // HACK""",
        """            const int plain = !(mods & (GLFW_MOD_CONTROL | GLFW_MOD_ALT));

            if (window->x11.ic && !kakoiPast(event)) // Changed by Kakoi
            {
                // HACK""")

replace("c_glfw_lin_x11.go",
        '#include "glfw/src/x11_window.c"\n',
        '#include "glfw/src/kakoi_context.c"\n#include "glfw/src/kakoi_keys.c"\n#include "glfw/src/x11_window.c"\n')
replace("c_glfw_lin_x11.go",
        '#include "glfw/src/x11_init.c"\n',
        '#include "glfw/src/x11_init.c"\n#include "glfw/src/kakoi_input.c"\n')
