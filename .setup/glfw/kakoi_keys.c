// Part of Kakoi, not of GLFW: what a lock needs to know of keys. Included before x11_window.c; all of it on the main thread.

#if defined(_GLFW_X11)

#include <string.h> // newer compilers take no function that nothing declares

static uint64_t kakoiLastInput; // timer ticks at the last key, click or movement on a window; 0: none yet
static GLFWbool kakoiPlain;     // keys go past the input method

// kakoiSeen takes down that a person is there.
static void kakoiSeen(const XEvent* event)
{
    switch (event->type)
    {
        case KeyPress:
        case ButtonPress:
        case MotionNotify:
            kakoiLastInput = _glfwPlatformGetTimerValue();
    }
}

// kakoiPast says whether an event is not for the input method: a key of a passphrase is not to be learned by it.
static GLFWbool kakoiPast(const XEvent* event)
{
    return kakoiPlain && (event->type == KeyPress || event->type == KeyRelease);
}

// kakoiIdleNanos is how long no window of the program has heard of a key, a click or a movement; since the first call where none ever did.
unsigned long long kakoiIdleNanos(void)
{
    const uint64_t now = _glfwPlatformGetTimerValue(), second = _glfwPlatformGetTimerFrequency();
    if (!kakoiLastInput)
        kakoiLastInput = now;
    return second ? (now - kakoiLastInput) * (1000000000 / second) : 0;
}

// kakoiPlainKeys lets keys go past the input method, or to it again.
void kakoiPlainKeys(int on)
{
    kakoiPlain = on;
    for (_GLFWwindow* window = _glfw.windowListHead;  window;  window = window->next)
    {
        if (!window->x11.ic)
            continue;
        if (on)
            XUnsetICFocus(window->x11.ic);
        else if (_glfwWindowFocusedX11(window))
            XSetICFocus(window->x11.ic);
    }
}

// kakoiCapsLock says whether the keyboard's caps lock is on.
int kakoiCapsLock(void)
{
    XkbStateRec state;
    return _glfw.x11.display && _glfw.x11.xkb.available &&
           XkbGetState(_glfw.x11.display, XkbUseCoreKbd, &state) == Success && (state.locked_mods & LockMask) != 0;
}

// kakoiForgetCopied takes back what the program offers to paste, and leaves what other programs offer.
void kakoiForgetCopied(void)
{
    if (!_glfw.x11.display)
        return;

    const Atom selections[] = { _glfw.x11.CLIPBOARD, _glfw.x11.PRIMARY };
    for (int i = 0;  i < 2;  i++)
    {
        char** text = i ? &_glfw.x11.primarySelectionString : &_glfw.x11.clipboardString;
        if (XGetSelectionOwner(_glfw.x11.display, selections[i]) == _glfw.x11.helperWindowHandle)
            XSetSelectionOwner(_glfw.x11.display, selections[i], None, CurrentTime);
        if (*text)
            memset(*text, 0, strlen(*text));
        _glfw_free(*text);
        *text = NULL;
    }
    XFlush(_glfw.x11.display);
}

#endif
