// Part of Kakoi, not of GLFW: what the application calls. All of it on the main thread.

#if defined(_GLFW_X11)

// kakoiDeferInput keeps GLFW from opening the input method at its start, which does not return where that hangs.
void kakoiDeferInput(void)
{
    kakoiInputLater = 1;
}

// kakoiOpenInput opens the input method for the windows that are there and for later ones.
void kakoiOpenInput(void)
{
    if (!_glfw.x11.display || !XSupportsLocale() || !_glfw.x11.xlib.utf8)
        return;

    XSetLocaleModifiers("");
    XRegisterIMInstantiateCallback(_glfw.x11.display, NULL, NULL, NULL, inputMethodInstantiateCallback, NULL);
    for (_GLFWwindow* window = _glfw.windowListHead;  window;  window = window->next)
    {
        if (window->x11.ic && _glfwWindowFocusedX11(window))
            XSetICFocus(window->x11.ic);
    }
}

// kakoiPlaceInput tells the input method where the caret of a window is, in pixels of that window. It answers 0 where
// nobody wants to know.
int kakoiPlaceInput(unsigned long handle, int x, int y)
{
    typedef char* (*SetValues)(XIC, ...);
    const SetValues set = _glfw.x11.display ? (SetValues)
        _glfwPlatformGetModuleSymbol(_glfw.x11.xlib.handle, "XSetICValues") : NULL;

    for (_GLFWwindow* window = _glfw.windowListHead;  window && set;  window = window->next)
    {
        XPoint spot = { (short) x, (short) y };
        XVaNestedList attributes;

        if (window->x11.handle != handle || !window->x11.ic)
            continue;

        attributes = kakoiSpot(&spot);
        if (!attributes)
            return 0;

        const GLFWbool done = set(window->x11.ic, XNPreeditAttributes, attributes, NULL) == NULL;
        XFree(attributes);
        return done;
    }

    return 0;
}

#endif
